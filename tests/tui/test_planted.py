"""Secrets and personal data around the control room: none is drawn on a screen, in a dialog or in a toast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capctl.tui.app import ControlRoom
from capctl.tui.screens.index import SCREENS, ScreenEntry
from engine.ops.catalogue import REGISTRY
from tests.samples.planted import NEVER, PEOPLE, SECRETS, leaks, wrong_file
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press

Open = Callable[..., Opened]


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A registry whose keys are encrypted, with the wrong file in the place of every private one."""
    monkeypatch.setenv("CAPCTL_ACTOR", PEOPLE[0])
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "backups").mkdir()
    wrong = wrong_file(tmp_path, "txt")
    for name in ("capctl-demo-1.tar.zst.age", "capctl-demo-1.manifest.json"):
        (tmp_path / "backups" / name).write_bytes(wrong.read_bytes())
    made = World(
        tmp_path,
        backup_dir=tmp_path / "backups",
        backup_identity_file=wrong,
        metrics_token_file=wrong,
        policy="lksg.v1",
    )
    yield made
    made.close()


def keys_of(entry: ScreenEntry) -> list[str]:
    """What can be pressed on a screen: its operations' keys and its own."""
    operations = [REGISTRY[hint].key for hint in entry.hints if hint in REGISTRY]
    own = [binding.key for binding in entry.load().BINDINGS if not isinstance(binding, tuple)]
    return [key for key in dict.fromkeys([*operations, *own]) if key]


def said(app: ControlRoom) -> str:
    """Everything that can be read now."""
    return "\n".join([text_of(app), *toasts(app)])


@pytest.mark.slow
@pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])
async def test_nothing_planted_is_drawn_on_any_screen(
    opened: Open, planted: World, entry: ScreenEntry, record_property: Callable[[str, object], None]
) -> None:
    """The screen, its help, and whatever each of its keys opens; and what it says while the registry is locked."""
    looks = 0
    for sample, size, keys in ((scenes.hold, (160, 45), keys_of(entry)), (scenes.store_locked, (80, 24), [])):
        async with opened(sample, ctx=planted.ctx, size=size) as (app, pilot):
            for key in ("question_mark", *keys):
                await press(pilot, entry.key, key)
                read = said(app)
                await press(pilot, "escape")
                read += said(app)
                assert leaks(read) == [], (key, size)
                looks += 2
    record_property("tried", f"{len(NEVER)} values, {looks} looks at {entry.name}")
