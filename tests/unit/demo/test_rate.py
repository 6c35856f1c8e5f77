"""The rate: set by any process, followed by the generator, never believed blindly."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.demo.rate import (
    DEFAULT_RATE,
    TrafficReport,
    forget_report,
    read_rate,
    read_report,
    write_rate,
    write_report,
)
from engine.errors import InvalidInput


def test_a_rate_is_read_back(tmp_path: Path) -> None:
    write_rate(tmp_path, 750)
    assert read_rate(tmp_path) == 750


def test_without_a_rate_there_is_a_default(tmp_path: Path) -> None:
    assert read_rate(tmp_path) == DEFAULT_RATE


@pytest.mark.parametrize("rate", [-1, 2001, float("nan"), float("inf"), True, "fast", None])
def test_what_is_no_rate_is_refused_and_changes_nothing(tmp_path: Path, rate: object) -> None:
    write_rate(tmp_path, 5)
    with pytest.raises(InvalidInput):
        write_rate(tmp_path, rate)  # type: ignore[arg-type]
    assert read_rate(tmp_path) == 5


@pytest.mark.parametrize("content", [b"", b"[]", b'{"rate": "NaN"}', b'{"rate": 1e9}', b"\xff", b'{"speed": 1}'])
def test_a_damaged_file_gives_the_default(tmp_path: Path, content: bytes) -> None:
    write_rate(tmp_path, 5)
    [file] = tmp_path.iterdir()
    file.write_bytes(content)
    assert read_rate(tmp_path) == DEFAULT_RATE


def test_the_generators_report_is_read_back_until_it_is_forgotten(tmp_path: Path) -> None:
    report = TrafficReport(200.0, 199.5, 198.0, failed=1, missed=2)
    write_report(tmp_path, report)
    assert read_report(tmp_path) == report
    forget_report(tmp_path)
    assert read_report(tmp_path) is None
