"""Configuration: which layer wins, and that nothing is ignored that somebody meant."""

from __future__ import annotations

import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.settings import Settings, load_settings

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "capctl.toml"


def test_flag_goes_before_variable_before_file_before_default(file: Path) -> None:
    file.write_text('theme = "from-file"\npolicy = "file.v1"\nstate_dir = "/from/file"\n')
    environ = {"CAPCTL_POLICY": "variable.v1", "CAPCTL_STATE_DIR": "/from/variable"}
    merged = load_settings(environ, file, {"state_dir": "/from/flag", "policy": None})
    assert (merged.state_dir, merged.policy, merged.theme) == (Path("/from/flag"), "variable.v1", "from-file")
    assert merged.env == Settings().env


def test_the_table_of_an_environment_overrides_the_file(file: Path) -> None:
    file.write_text('theme = "everyday"\npolicy = "a.v1"\n[env.prod]\ntheme = "night"\n[env.dev]\ntheme = "day"\n')
    assert load_settings({}, file, {"env": "prod"}).theme == "night"
    assert load_settings({"CAPCTL_ENV": "prod"}, file, {}).policy == "a.v1"
    assert load_settings({}, file, {}).theme == "day"


def test_a_file_may_name_its_environment(file: Path) -> None:
    file.write_text('env = "prod"\n')
    assert load_settings({}, file, {}).is_production
    assert not load_settings({"CAPCTL_ENV": "staging"}, file, {}).is_production


def test_a_mistyped_environment_does_not_lose_production_its_protection(file: Path) -> None:
    file.write_text('[env.prod]\ntheme = "night"\n')
    with pytest.raises(InvalidInput) as refusal:
        load_settings({}, file, {"env": "prd"})
    assert refusal.value.code == "settings.unknown_environment"
    assert load_settings({}, file, {"env": "demo"}).env == "demo"


@pytest.mark.parametrize(
    ("env", "production"), [("prod", True), ("production", True), ("prod-eu", True), ("dev", False), ("staging", False)]
)
def test_what_counts_as_production(env: str, production: bool) -> None:
    assert load_settings({}, None, {"env": env}).is_production is production


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("env", "PROD"),
        ("env", " prod"),
        ("env", ""),
        ("env", 5),
        ("state_dir", ""),
        ("state_dir", 5),
        ("state_dir", "~nobody-of-that-name/x"),
        ("policy", "a b"),
        ("release_chart", "sha3-256:short"),
        ("release_chart", "sha256:" + "0" * 64),
        ("release_image", "cap image:1"),
        ("release_image", "cap:1\n"),
        ("policy", True),
        ("enforce_enabled", "perhaps"),
        ("enforce_rollout_percent", -1),
        ("enforce_rollout_percent", 100.01),
        ("enforce_rollout_percent", "nan"),
        ("enforce_rollout_percent", 0.001),
        ("enforce_rollout_percent", True),
        ("root_kids", "the root"),
        ("root_kids", "A" * 42),
        ("root_kids", 7),
        ("drift_max_ratio", 0),
        ("drift_max_ratio", -0.005),
        ("drift_max_ratio", 1.1),
        ("freeze", "2026-12-24"),
        ("freeze", "2026-12-24T00:00:00/2026-12-25T00:00:00"),
        ("freeze", "2026-12-25/2026-12-24"),
        ("freeze", 5),
        ("freeze", [5]),
        ("theme", "../secret"),
        ("poll_interval_s", "nan"),
        ("poll_interval_s", "0"),
        ("poll_interval_s", True),
        ("poll_interval_s", "fast"),
        ("poll_interval_s", [1]),
        ("mouse", "perhaps"),
        ("mouse", 7),
    ],
)
def test_a_value_that_is_not_understood_is_refused_with_its_origin(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        load_settings({}, None, {name: value})
    assert name in refusal.value.message
    assert "the command line" in refusal.value.message


def test_a_value_that_a_flag_overrides_must_be_right_all_the_same() -> None:
    with pytest.raises(InvalidInput, match="the environment"):
        load_settings({"CAPCTL_MOUSE": "perhaps"}, None, {"mouse": True})


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("freeze", "2026-12-24/2026-12-27,2027-01-01/2027-01-02", ("2026-12-24/2026-12-27", "2027-01-01/2027-01-02")),
        ("freeze", "", ()),
        ("freeze", ["2026-12-24T12:00:00Z/2026-12-27"], ("2026-12-24T12:00:00Z/2026-12-27",)),
        ("state_dir", "~/x", Path.home() / "x"),
        ("poll_interval_s", "0.5", 0.5),
        ("poll_interval_s", 10, 10.0),
        ("mouse", "off", False),
        ("mouse", "TRUE", True),
        ("mouse", False, False),
        ("policy", "", ""),
    ],
)
def test_how_values_are_spelt(name: str, value: Any, meaning: Any) -> None:
    assert getattr(load_settings({}, None, {name: value}), name) == meaning


def test_variables_that_others_set_are_left_alone() -> None:
    """Kubernetes sets these for a service named capctl."""
    assert load_settings({"CAPCTL_SERVICE_HOST": "10.0.0.1", "CAPCTL_PORT": "tcp://"}, None, {}) == Settings()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'them = "x"', "settings.unknown_key"),
        (b'[env.prod]\nthem = "x"\n[env.dev]\nthem = "x"', "settings.unknown_key"),
        (b"theme = ", "settings.malformed"),
        (b"theme = '\xff'", "settings.malformed"),
        (b"env = 5", "settings.wrong_type"),
        (b"[env]\nprod = 5", "settings.wrong_type"),
    ],
)
def test_a_broken_file_is_refused_by_name(file: Path, content: bytes, code: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"capctl\.toml") as refusal:
        load_settings({}, file, {})
    assert refusal.value.code == code


def test_a_syntax_error_is_placed(file: Path) -> None:
    file.write_text('theme = "a"\nmouse = maybe\n')
    with pytest.raises(InvalidInput, match="line 2"):
        load_settings({}, file, {})


def test_no_file_means_defaults_and_a_directory_is_an_error(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path / "none.toml", {}) == Settings()
    with pytest.raises(InvalidInput, match="directory"):
        load_settings({}, tmp_path, {})


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_can_be_set_by_a_variable(field: Field[Any]) -> None:
    """A setting without a converter would be ignored, which is the one thing that must not happen."""
    impossible = "" if "Path" in str(field.type) else "\x00"
    with pytest.raises(InvalidInput, match=field.name):
        load_settings({f"CAPCTL_{field.name.upper()}": impossible}, None, {})


def test_the_document_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    documented = dict(rows)
    assert {field.name for field in fields(Settings)} <= documented.keys()
    for name in ("env", "theme", "poll_interval_s", "mouse"):
        assert documented[name].strip("`") == str(getattr(Settings(), name)).lower()


def test_the_document_s_example_is_one_that_works(file: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    file.write_text(example)
    prod = load_settings({}, file, {"env": "prod"})
    assert prod.is_production
    assert len(prod.freeze) == 1


@pytest.mark.parametrize(
    ("flags", "ceiling"),
    [
        ({}, 10_000),
        ({"enforce_rollout_percent": "12.5"}, 1250),
        ({"enforce_rollout_percent": 0.29}, 29),
        ({"enforce_enabled": "off", "enforce_rollout_percent": 25}, 0),
    ],
)
def test_what_may_be_enforced_is_a_whole_number_of_basis_points(flags: dict[str, Any], ceiling: int) -> None:
    assert load_settings({}, None, flags).ceiling_basis_points == ceiling
