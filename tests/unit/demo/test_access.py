"""How others find the demonstration's simulated SAP: only where it really answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engine.demo.access import note_sap, read_sap


def test_an_address_is_believed_when_somebody_answers_there(tmp_path: Path) -> None:
    """A command takes the running system instead of starting one of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        note_sap(tmp_path, url)
        assert read_sap(tmp_path) == url
    assert read_sap(tmp_path) == ""


@pytest.mark.parametrize("left", ["", "http://127.0.0.1:nonsense", "somewhere"])
def test_what_is_no_address_is_none(tmp_path: Path, left: str) -> None:
    """A demonstration that ended, or a damaged file."""
    note_sap(tmp_path, left)
    assert read_sap(tmp_path) == ""


def test_where_no_demonstration_ran_there_is_none(tmp_path: Path) -> None:
    """Looking makes nothing."""
    assert read_sap(tmp_path) == ""
    assert not list(tmp_path.iterdir())
