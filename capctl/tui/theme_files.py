"""Themes are data: YAML files with colours by meaning, turned into Textual themes.

Screens never name a colour, only what it stands for (`$gate-open`, `$stale`). Each file gives two themes: the everyday
one, and one for production that looks different from across the room. `themes/schema.json` says the same to editors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from textual.theme import Theme

from engine.errors import InvalidInput

COLOR_NAMES: Final = (
    *("background", "surface", "foreground", "muted", "line"),
    *("gate-open", "gate-hold", "gate-closed", "drift-ok", "drift-warn", "drift-bad"),
    *("stale", "chosen", "env"),
)
"""Every colour a theme gives, by meaning."""

FALLBACK: Final = "capctl-dark"
PRODUCTION_SUFFIX: Final = "-prod"

_ANSI_NEEDS: Final = {"ansi-background": "ansi_black", "ansi-foreground": "ansi_white"}
"""What Textual's own style sheets refer to under a theme with the terminal's colours."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}|ansi_[a-z_]+")
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYS: Final = frozenset({"name", "title", "dark", "ansi", "contrast", "vision", "colors", "production"})


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A checked theme file."""

    name: str
    title: str
    dark: bool
    ansi: bool
    colors: Mapping[str, str]
    production: Mapping[str, str]
    """Colours that replace `colors` in production."""

    def themes(self) -> tuple[Theme, Theme]:
        """The everyday theme and the production theme."""
        return (
            self._theme(self.name, self.colors),
            self._theme(self.name + PRODUCTION_SUFFIX, {**self.colors, **self.production}),
        )

    def _theme(self, name: str, colors: Mapping[str, str]) -> Theme:
        return Theme(
            name=name,
            dark=self.dark,
            ansi=self.ansi,
            primary=colors["chosen"],
            secondary=colors["muted"],
            accent=colors["chosen"],
            warning=colors["gate-hold"],
            error=colors["gate-closed"],
            success=colors["gate-open"],
            foreground=colors["foreground"],
            background=colors["background"],
            surface=colors["surface"],
            panel=colors["surface"],
            variables={
                **{key: colors[key] for key in COLOR_NAMES if key not in ("background", "surface", "foreground")},
                "ink": "ansi_black" if self.ansi else colors["background"],
                **(_ANSI_NEEDS if self.ansi else {}),
                "scrollbar": colors["line"],
                "scrollbar-background": colors["background"],
                "border": colors["chosen"],
                "border-blurred": colors["line"],
            },
        )


@dataclass(frozen=True, slots=True)
class ThemeShelf:
    """The themes that could be read, and what could not."""

    files: tuple[ThemeFile, ...]
    problems: tuple[str, ...]
    """One sentence for each broken file."""

    def name_for(self, wanted: str, *, production: bool) -> str:
        """The Textual theme to use: the wanted one if it exists, else the fall-back; tinted in production."""
        known = {file.name for file in self.files}
        name = wanted if wanted in known else FALLBACK
        return name + PRODUCTION_SUFFIX if production else name

    def after(self, current: str) -> ThemeFile:
        """The file that follows the current Textual theme, around the shelf."""
        names = [file.name for file in self.files]
        base = current.removesuffix(PRODUCTION_SUFFIX)
        position = names.index(base) if base in names else -1
        return self.files[(position + 1) % len(self.files)]


def shipped_directory() -> Path:
    """Where the shipped themes lie: inside an installed package, or at the top of a checkout."""
    inside = Path(__file__).parent / "themes"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "themes"


def user_directory() -> Path:
    """`$XDG_CONFIG_HOME/capctl/themes`, or `~/.config/capctl/themes` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "capctl" / "themes"


def load_themes(directories: Iterable[Path]) -> ThemeShelf:
    """Read every theme file; a broken one is reported, never raised.

    Args:
        directories: In order; a later file replaces an earlier one of the same name. Missing ones are skipped.
    """
    found: dict[str, ThemeFile] = {}
    problems: list[str] = []
    for directory in directories:
        for path in sorted(directory.glob("*.yaml")):
            try:
                file = read_theme(path)
            except InvalidInput as error:
                problems.append(error.message)
            else:
                found[file.name] = file
    return ThemeShelf(tuple(found.values()), tuple(problems))


def read_theme(path: Path) -> ThemeFile:
    """Read and check one theme file.

    Raises:
        InvalidInput: It cannot be read or does not describe a theme; the message names the file and the key.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _broken(path, "is not readable YAML in UTF-8") from error
    if not isinstance(document, dict):
        raise _broken(path, "is not a mapping")
    if unknown := sorted(set(map(str, document)) - _KEYS):
        raise _broken(path, f"has an unknown key {unknown[0]!r}")
    name = document.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _broken(path, "needs a name of lower-case words joined by hyphens")
    return ThemeFile(
        name=name,
        title=str(document.get("title", name)),
        dark=document.get("dark") is not False,
        ansi=document.get("ansi") is True,
        colors=_colors(path, document.get("colors"), required=COLOR_NAMES),
        production=_colors(path, document.get("production"), required=("env",)),
    )


def _colors(path: Path, section: Any, *, required: tuple[str, ...]) -> dict[str, str]:
    colors = section if isinstance(section, dict) else {}
    for name in required:
        if name not in colors:
            raise _broken(path, f"has no colour {name!r}")
    for name, value in colors.items():
        if name not in COLOR_NAMES:
            raise _broken(path, f"has an unknown colour {name!r}")
        if not isinstance(value, str) or not _COLOR.fullmatch(value):
            raise _broken(path, f"has no valid colour for {name!r}")
    return dict(colors)


def _broken(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        "theme.broken", f"Theme file {path.name} {what}", "Compare it with a shipped theme and themes/schema.json."
    )
