"""The image is made of what there is, and starts what there is. Nothing here can build it."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch

import pytest

from capctl.cli.serve import COMMAND
from tests.helm.conftest import ROOT

LINES = (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()


def _arguments(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{instruction} ")]


@pytest.mark.parametrize("copied", [words for words in _arguments("COPY") if not words.startswith("--from")])
def test_what_is_copied_exists_and_reaches_the_build(copied: str) -> None:
    """`.dockerignore` keeps everything away that it does not name."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    *sources, _ = copied.split()
    for source in sources:
        assert (ROOT / source).exists()
        assert any(fnmatch(source, pattern) for pattern in allowed), source


def test_it_starts_the_verifier_with_options_that_exist() -> None:
    (entry,), (arguments,) = _arguments("ENTRYPOINT"), _arguments("CMD")
    assert json.loads(entry) == ["capctl", *COMMAND.command]
    names = {f"--{param.name.replace('_', '-')}" for param in COMMAND.params}
    assert {argument.partition("=")[0] for argument in json.loads(arguments)} <= names


def test_it_runs_as_nobody_and_installs_only_what_is_hashed() -> None:
    assert re.fullmatch(r"[1-9][0-9]{4,}:[1-9][0-9]{4,}", _arguments("USER")[-1])
    installs = [line for line in _arguments("RUN") if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert "pip uninstall" in LINES[max(index for index, line in enumerate(LINES) if line.startswith("FROM ")) :][2]
