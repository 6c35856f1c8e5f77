"""What tests of the evening share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cutover.evening_world import EveningWorld


@pytest.fixture
def evening_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EveningWorld]:
    """An environment with a published policy and no cutover yet."""
    made = EveningWorld(tmp_path, monkeypatch)
    yield made
    made.close()
