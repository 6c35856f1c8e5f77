"""The composition root: where settings come from, who acts, and that nothing is touched before it is used."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from engine.bootstrap import current_actor, load, open_context
from engine.clock import ManualClock
from engine.context import Progress
from engine.errors import NotFound, Unavailable
from engine.settings import Settings
from tests.samples.stored import AT, make_event


def test_the_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "capctl.toml").write_text('theme = "night"')
    assert load({}, environ={}, directory=tmp_path).theme == "night"
    monkeypatch.chdir(tmp_path)
    assert load().theme == "night"


def test_a_named_file_is_read_instead_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "capctl.toml").write_text('theme = "night"')
    (tmp_path / "other.toml").write_text('theme = "day"')
    assert load({}, environ={"CAPCTL_CONFIG": str(tmp_path / "other.toml")}, directory=tmp_path).theme == "day"
    with pytest.raises(NotFound, match=r"none\.toml"):
        load({}, environ={"CAPCTL_CONFIG": str(tmp_path / "none.toml")}, directory=tmp_path)


def test_the_actor_is_the_named_one_else_the_user_of_the_process() -> None:
    assert current_actor({"CAPCTL_ACTOR": " anna "}) == "anna"
    assert current_actor({"LOGNAME": "somebody-else", "CAPCTL_ACTOR": " "}) == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert current_actor({}) == f"uid-{os.getuid()}"


def test_a_context_that_is_not_used_touches_nothing(tmp_path: Path) -> None:
    with open_context(Settings(state_dir=tmp_path / "state"), clock=ManualClock()) as ctx:
        assert ctx.actor == "tester"
        assert ctx.env == "dev"
        ctx.emit(Progress("waiting", 0))
    assert list(tmp_path.iterdir()) == []


def test_everything_injected_reaches_the_store(tmp_path: Path) -> None:
    """Two stores made from the same randomness know an actor by the same pseudonym."""
    names = set()
    for folder in ("a", "b"):
        settings = Settings(state_dir=tmp_path / folder)
        with open_context(settings, actor="anna", clock=ManualClock(), random_bytes=bytes) as ctx:
            names.add(ctx.store.pseudonym(ctx.actor))
    assert len(names) == 1


def test_leaving_a_context_closes_its_store(tmp_path: Path) -> None:
    """The last one to close folds the write-ahead log into the file."""
    settings = Settings(state_dir=tmp_path / "state")
    with open_context(settings) as ctx:
        ctx.store.append_audit(make_event(), at=AT)
        assert len(list(settings.state_dir.glob("capctl.sqlite*"))) == 3
    assert list(settings.state_dir.glob("capctl.sqlite*")) == [settings.store_path]


def test_a_read_only_context_cannot_write_even_around_the_choke_point(tmp_path: Path) -> None:
    with open_context(Settings(state_dir=tmp_path), read_only=True) as ctx, pytest.raises(Unavailable):
        ctx.store.append_audit(make_event(), at=AT)
    assert list(tmp_path.iterdir()) == []
