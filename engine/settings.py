"""What the operator configured: flag, then `CAPCTL_*` variable, then `capctl.toml`, then default.

Kept to plain dataclasses and `tomllib`: settings are read by every command, and start-up is a feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.errors import InvalidInput

PRODUCTION = "prod"


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/capctl`, or `~/.local/state/capctl` (XDG Base Directory Specification)."""
    import os

    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "capctl"


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment's settings."""

    env: str = "dev"
    """Name of the environment; `prod` asks for more before it lets a rollout forward."""
    state_dir: Path = field(default_factory=default_state_dir)
    """Where the embedded store lives."""
    policy: str = ""
    """The policy that commands mean when they name none; empty: the only one there is, else `lksg.v1`."""
    freeze: tuple[str, ...] = ()
    """Freeze windows, `START/END` in RFC 3339: promotions are held inside them, rollbacks are not."""
    theme: str = "capctl-dark"
    poll_interval_s: float = 2.0
    """How often the console samples."""
    mouse: bool = True

    @property
    def store_path(self) -> Path:
        """The embedded store's file."""
        return self.state_dir / "capctl.sqlite"

    @property
    def is_production(self) -> bool:
        """Whether forward needs more than backward here."""
        return self.env == PRODUCTION


def load_settings(environ: Mapping[str, str], file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Merge the layers of configuration.

    Args:
        environ: The process environment.
        file: `capctl.toml`; None or absent: skipped. Top-level keys are settings; a table `[env.NAME]` overrides
            them.
        flags: What was given on the command line; None values are ignored.

    Raises:
        InvalidInput: A key is unknown or a value has the wrong type; the message names the layer.
    """
    names = {f.name for f in fields(Settings)}
    given = {k.removeprefix("CAPCTL_").lower(): v for k, v in environ.items() if k.startswith("CAPCTL_")}
    chosen = {k: v for k, v in flags.items() if v is not None}
    from_file = _read_file(file, env=str(chosen.get("env") or given.get("env") or "")) if file else {}
    unknown = set(from_file) - names
    if unknown:
        raise InvalidInput(
            "settings.unknown_key",
            f"{file} has an unknown setting {sorted(unknown)[0]!r}",
            f"Known: {', '.join(sorted(names))}.",
        )
    layers = {**from_file, **{k: v for k, v in given.items() if k in names}, **chosen}
    return replace(Settings(), **{name: _convert(name, value) for name, value in layers.items()})


def _read_file(file: Path, *, env: str) -> dict[str, Any]:
    import tomllib

    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(
            "settings.unreadable", f"{file} cannot be read: {error}", "It must be TOML in UTF-8."
        ) from error
    environments = document.pop("env", {})
    if isinstance(environments, str):
        environments, document["env"] = {}, environments
    return {**document, **environments.get(env or document.get("env", "dev"), {})}


def _convert(name: str, value: Any) -> Any:
    try:
        match name:
            case "state_dir":
                return Path(value).expanduser()
            case "freeze":
                return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
            case "poll_interval_s":
                return float(value)
            case "mouse":
                return value if isinstance(value, bool) else value.lower() not in ("0", "false", "no", "off")
            case _:
                return str(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "settings.wrong_type", f"Setting {name} cannot be {value!r}", "See docs/configuration.md for its type."
        ) from error
