"""Themes are data that hold their promises: readable, distinguishable, complete."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

from capctl.tui.theme_files import COLOR_NAMES, FALLBACK, ThemeFile, load_themes, read_theme, shipped_directory
from engine.errors import InvalidInput
from engine.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted(shipped_directory().glob("*.yaml"))
THEMES = {path.stem: read_theme(path) for path in FILES}
TRUE_COLOR = {name: theme for name, theme in THEMES.items() if not theme.ansi}
STATUSES = ("gate-open", "gate-hold", "gate-closed", "stale")

Rgb = tuple[float, float, float]

# Machado, Oliveira, Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0, on linear RGB.
VISION = {
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip


def linear(color: str) -> Rgb:
    """Linear RGB of a hexadecimal colour (IEC 61966-2-1)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return r, g, b


def luminance(rgb: Rgb) -> float:
    """Relative luminance (WCAG 2.2)."""
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2)."""
    dark, light = sorted((luminance(linear(one)), luminance(linear(other))))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: Rgb) -> Rgb:
    """CIELAB under D65."""
    x = 0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]
    z = 0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]
    fx, fy, fz = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x / 0.9505, luminance(rgb), z / 1.089)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def distance(one: str, other: str, matrix: tuple[Rgb, ...]) -> float:
    """CIE76 colour difference as seen through a colour vision."""
    seen = []
    for color in (one, other):
        rgb = linear(color)
        r, g, b = (min(1.0, max(0.0, sum(m * c for m, c in zip(line, rgb, strict=True)))) for line in matrix)
        seen.append(lab((r, g, b)))
    return float(sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5)


def variants(theme: ThemeFile) -> list[dict[str, str]]:
    """The everyday colours and those of production."""
    return [dict(theme.colors), {**theme.colors, **theme.production}]


def test_the_shipped_themes_are_there() -> None:
    """Dark, light, high contrast, two for colour vision, and the terminal's own colours."""
    assert set(THEMES) == {"dark", "light", "high-contrast", "deuteranopia", "tritanopia", "ansi"}
    assert {Settings().theme, FALLBACK} <= {theme.name for theme in THEMES.values()}


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_text_is_readable(name: str) -> None:
    """Every text colour reaches 4.5:1 on every background (WCAG 1.4.3), 7:1 where high contrast is promised (1.4.6)."""
    promised = yaml.safe_load((shipped_directory() / f"{name}.yaml").read_text())["contrast"]
    floor = 7.0 if promised == "enhanced" else 4.5
    for colors in variants(TRUE_COLOR[name]):
        for text in set(COLOR_NAMES) - {"background", "surface", "line"}:
            for ground in ("background", "surface"):
                assert contrast(colors[text], colors[ground]) >= floor, f"{text} on {ground}"


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_marks_are_visible(name: str) -> None:
    """Tracks and rules reach 3:1, the floor for graphics (WCAG 1.4.11)."""
    for colors in variants(TRUE_COLOR[name]):
        assert contrast(colors["line"], colors["background"]) >= 3.0


@pytest.mark.parametrize("vision", VISION)
def test_statuses_differ_for_the_colour_vision_a_theme_is_made_for(vision: str) -> None:
    """Seen with that vision, any two statuses are well apart (CIE76 above 20)."""
    matrix = VISION[vision]
    for one, other in itertools.combinations(STATUSES, 2):
        assert distance(THEMES[vision].colors[one], THEMES[vision].colors[other], matrix) > 20, (one, other)


@pytest.mark.parametrize("name", THEMES)
def test_production_looks_different(name: str) -> None:
    """The environment's badge has another colour in production."""
    assert THEMES[name].production["env"] != THEMES[name].colors["env"]


def test_ansi_uses_the_terminals_own_colours() -> None:
    """Nothing but the sixteen names, so that the operator's palette decides."""
    colors = {*THEMES["ansi"].colors.values(), *THEMES["ansi"].production.values()}
    assert all(color.startswith("ansi_") for color in colors)


def test_the_schema_and_the_loader_know_the_same_colours() -> None:
    """An editor that follows the schema and the program never disagree."""
    schema = json.loads((shipped_directory() / "schema.json").read_text())
    assert set(schema["properties"]["colors"]["required"]) == set(COLOR_NAMES)
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        assert set(schema["required"]) <= set(document) <= set(schema["properties"])
        assert re.fullmatch(schema["properties"]["name"]["pattern"], document["name"])
        pattern = schema["$defs"]["color"]["pattern"]
        assert all(re.fullmatch(pattern, c) for c in [*document["colors"].values(), *document["production"].values()])
        for key in ("contrast", "vision"):
            assert document.get(key) in [*schema["properties"][key]["enum"], None]


def test_no_colour_is_named_outside_the_themes() -> None:
    """Screens know meanings only: no hexadecimal colour in any style sheet or source file of the console."""
    sources = [p for p in (ROOT / "capctl" / "tui").rglob("*") if p.suffix in {".py", ".tcss"}]
    assert len(sources) > 20
    for path in sources:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", path.read_text()), path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("colors: {background: red}", "no colour 'surface'"),
        ("name: Dark Mode", "needs a name"),
        ("nam: dark", "unknown key 'nam'"),
        ("- dark", "is not a mapping"),
        ("a: [", "not readable YAML"),
    ],
)
def test_a_broken_theme_file_says_what_is_wrong(tmp_path: Path, change: str, says: str) -> None:
    """The message names the file and the fault."""
    path = tmp_path / "mine.yaml"
    path.write_text(change if "name" in change or "nam" in change or change[0] in "-a" else f"name: mine\n{change}")
    with pytest.raises(InvalidInput) as caught:
        read_theme(path)
    assert says in caught.value.message
    assert "mine.yaml" in caught.value.message


def test_one_broken_file_costs_only_itself(tmp_path: Path) -> None:
    """The other themes are there, and the fault is told once."""
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    shelf = load_themes([shipped_directory(), tmp_path, tmp_path / "missing"])
    assert len(shelf.files) == len(FILES)
    assert len(shelf.problems) == 1
    assert shelf.name_for("mine", production=False) == FALLBACK
