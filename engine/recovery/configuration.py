"""An environment's settings as the file they could have come from, for the archive.

Settings hold names of files with secrets, never secrets, so they can be kept as they are. Where this state lay is left
out: a restored one lies elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from engine.settings import Settings

PLACES: Final = frozenset({"state_dir", "checkpoint_dir", "backup_dir", "backup_identity_file"})


def write_configuration(settings: Settings) -> bytes:
    """What differs from the defaults, as a `capctl.toml`."""
    default = Settings()
    lines = [
        f"{field.name} = {_written(value)}"
        for field in sorted(fields(settings), key=lambda field: field.name)
        if field.name not in PLACES and (value := getattr(settings, field.name)) != getattr(default, field.name)
    ]
    return "".join(line + "\n" for line in lines).encode()


def _written(value: Any) -> str:
    """A value as TOML 1.0 spells it; its strings, numbers and arrays of strings are those of JSON."""
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple | frozenset | set | list):
        value = sorted(value) if isinstance(value, frozenset | set) else list(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
