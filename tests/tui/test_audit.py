"""The Audit screen on a real registry: read, filtered, paged, verified; and what somebody altered is found on it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capctl.tui.activities import Activity
from capctl.tui.app import ControlRoom
from capctl.tui.audit import look_of
from capctl.tui.messages import Call
from capctl.tui.modals.answer import AnswerDialog
from capctl.tui.modals.step import StepDialog
from capctl.tui.widgets.audit_records import AuditRecords
from engine.audit import AuditEvent
from engine.context import EngineContext, Progress
from engine.errors import Unavailable
from engine.ids import hash_bytes
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.ops.trail_look import LOOKED_THROUGH, PARTNER_WITHIN
from engine.registry import audit_log
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press, settled, world

__all__ = ["world"]

Open = Callable[..., Opened]

CHANGES = 300
"""Changes of the trail that most tests look at; each leaves an intent and an outcome."""


def record(ctx: EngineContext, number: int) -> None:
    """A change as the engine records it: second sets and is refused now and then, oncall imports lists."""
    actor = ctx.store.pseudonym("second" if number % 3 == 0 else "oncall")
    action = "rollout.set" if number % 3 == 0 else "lists.import"
    about = "lksg.v1" if action == "rollout.set" else hash_bytes(b"%d" % number)
    outcome, code = ("refused", "rollout.gate_closed") if number % 30 == 0 else ("done", "")
    at = ctx.clock.now()
    intent = ctx.store.append_audit(AuditEvent(action, "intent", actor, object=about), at=at)
    ctx.store.append_audit(AuditEvent(action, outcome, actor, object=about, code=code, intent=intent.seq), at=at)


@pytest.fixture
def trail(world: World) -> World:
    """A trail of some length, a minute between two changes, all of it signed."""
    for number in range(CHANGES):
        world.clock.advance(60)
        record(world.ctx, number)
    run(REGISTRY["audit.checkpoint"], world.ctx)
    return world


def tamper(world: World, *statements: str) -> None:
    """What somebody does who has the file and knows its tables."""
    connection = sqlite3.connect(world.settings.store_path)
    connection.execute("DROP TRIGGER IF EXISTS audit_keeps_every_row_update")
    connection.execute("DROP TRIGGER IF EXISTS audit_keeps_every_row_delete")
    for statement in statements:
        assert connection.execute(statement).rowcount == 1
    connection.commit()
    connection.close()


def chosen(app: ControlRoom) -> int:
    """Number of the record that is chosen."""
    line = app.screen.query_one(AuditRecords).chosen_line(app.state)
    assert line is not None
    return line.number


def said(app: ControlRoom) -> str:
    """Everything on the screen in one line, so that a sentence is found wherever it is wrapped."""
    return " ".join(text_of(app).split())


def shown(app: ControlRoom) -> list[Any]:
    """The records of the window."""
    look = look_of(app.state)
    assert look is not None
    return [line.shown.record for line in look.lines if line.shown]


async def test_the_newest_records_come_first_and_new_ones_appear(opened: Open, trail: World) -> None:
    """The list follows the trail until somebody chooses a record; that one stays chosen while others arrive."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6")
        end = trail.ctx.store.audit_head().seq
        assert chosen(app) == end
        record(trail.ctx, 1)
        app.look_again()
        await settled(pilot)
        assert chosen(app) == end + 2
        assert f"#{end + 2}" in text_of(app)
        await press(pilot, "down", "down")
        record(trail.ctx, 2)
        app.look_again()
        await settled(pilot)
        assert chosen(app) == end
        await press(pilot, "home")
        assert chosen(app) == end + 4


async def test_each_filter_is_set_by_its_key_shown_and_cleared_with_one(opened: Open, trail: World) -> None:
    """What the chosen record names is what is filtered by; a second press widens or ends it."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "down", "down", "down", "down", "down", "down", "a")
        assert "Only action  rollout " in text_of(app)
        assert {found.event.action for found in shown(app)} == {"rollout.set"}
        await press(pilot, "o")
        assert {found.event.outcome for found in shown(app)} == {"refused"}
        assert len(shown(app)) == CHANGES // 30
        await press(pilot, "u", "i")
        text = text_of(app)
        assert all(word in text for word in (" rollout ", " refused ", " second ", " lksg.v1 ", "c clears"))
        assert len(shown(app)) == CHANGES // 30
        await press(pilot, "c")
        assert "Everything   a action" in text_of(app)
        await press(pilot, "home", "down", "s")
        assert "since" in text_of(app)
        assert {(trail.clock.now() - found.at).total_seconds() <= 900 for found in shown(app)} == {True}


async def test_filters_are_typed_as_on_the_command_line(opened: Open, trail: World) -> None:
    """One form asks for all of them; a hash may be shortened; a time that is none is refused and changes nothing."""
    wanted = hash_bytes(b"1").removeprefix("sha3-256:")[:12]
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "f", "enter", "enter", "enter", *wanted, "enter", "enter", "enter")
        assert [found.event.outcome for found in shown(app)] == ["done", "intent"]
        assert wanted in text_of(app)
        await press(pilot, "f", "enter", "enter", "enter", "enter", *"yesterday", "enter", "enter")
        assert any("yesterday" in toast for toast in toasts(app))
        assert wanted in text_of(app)


async def test_the_whole_trail_is_within_reach_of_the_page_keys(opened: Open, trail: World) -> None:
    """Page down goes back to the first record, each one passed; end and home go there at once."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6")
        seen: set[int] = set()
        while chosen(app) > 1:
            seen |= {found.seq for found in shown(app)}
            before = chosen(app)
            await press(pilot, "pagedown")
            assert chosen(app) < before
        assert seen | {1} == set(range(1, trail.ctx.store.audit_head().seq + 1))
        await press(pilot, "home")
        assert chosen(app) == trail.ctx.store.audit_head().seq
        await press(pilot, "end", "pageup", "up")
        assert chosen(app) == 14


async def test_an_intact_trail_is_verified_with_one_key(opened: Open, trail: World) -> None:
    """Before, nothing is claimed; then the answer, which grows old and says what came since."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6")
        assert "?  NEVER VERIFIED" in text_of(app)
        end = trail.ctx.store.audit_head().seq
        await press(pilot, "v")
        assert "○  INTACT" in text_of(app)
        assert f"Intact to {end}" in text_of(app)
        assert "second place equal" in text_of(app)
        record(trail.ctx, 1)
        trail.wait(app, 120)
        await settled(pilot)
        assert re.search(r"checkpoints\. 2 records .*since\.", said(app))
        assert "signed to 610" in said(app)
        trail.wait(app, 3600)
        await settled(pilot)
        assert "?  STALE" in text_of(app)
        assert "v verifies again" in text_of(app)


async def test_a_verification_tells_how_far_it_is(opened: Open, trail: World) -> None:
    """A long trail takes seconds; a second verification meanwhile is refused with the reason."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6")
        running = Activity(1, trail.clock.now(), Call(REGISTRY["audit.verify"]))
        app._publish(replace(app.state, activities=(running.with_progress(Progress("verifying", 300, 600), 0.0),)))
        await settled(pilot)
        assert "Record 300 of 600, 50 %" in text_of(app)
        await press(pilot, "v")
        assert any("It is being verified." in toast for toast in toasts(app))


@pytest.mark.parametrize(
    ("statement", "number", "problem"),
    [
        ("UPDATE audit SET line = replace(line, 'lksg.v1', 'lksg.v2') WHERE seq = 205", 205, "altered"),
        ("UPDATE audit SET line = '{}' WHERE seq = 205", 205, "not an audit record"),
        ("DELETE FROM audit WHERE seq = 205", 205, "206 stands where 205 belongs"),
    ],
    ids=["edited", "overwritten", "removed"],
)
async def test_what_was_altered_is_located_on_the_screen(
    opened: Open, trail: World, statement: str, number: int, problem: str
) -> None:
    """The answer says where, n goes there whatever is filtered, and the line is marked."""
    tamper(trail, statement)
    async with opened(scenes.hold, ctx=trail.ctx, size=(160, 45)) as (app, pilot):
        await press(pilot, "6", "n")
        assert any("v verifies the trail" in toast for toast in toasts(app))
        await press(pilot, "v")
        text = text_of(app)
        assert "■  BROKEN" in text or "B R O K E N" in text
        assert "Broken at line 20" in text
        await press(pilot, "o", "n")
        assert "Everything" in text_of(app)
        assert abs(chosen(app) - number) <= 1
        first = said(app)
        await press(pilot, "n")
        second = said(app)
        await press(pilot, "up")
        assert problem in first + second + said(app)
        marked = [line for line in text_of(app).splitlines() if line.lstrip().startswith("■ #")]
        assert marked
        assert all(any(f"#{near}" in line for near in range(number - 1, number + 2)) for line in marked)


async def test_an_altered_line_is_shown_for_what_it_is(opened: Open, trail: World) -> None:
    """It neither hides the rest nor passes for a record."""
    end = trail.ctx.store.audit_head().seq
    tamper(trail, f"UPDATE audit SET line = 'x' WHERE seq = {end - 1}")
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "down")
        assert f"#{end - 1}      NOT A RECORD" in text_of(app)
        assert f"#{end - 2}" in text_of(app)
        await press(pilot, "a", "u", "i", "enter")
        assert isinstance(app.screen, StepDialog)
        assert "somebody altered it" in text_of(app)
        assert text_of(app).count("DOES NOT FIT") == 2


async def test_a_second_place_that_says_otherwise_is_seen_before_any_verification(opened: Open, trail: World) -> None:
    """Checkpoints that are gone, and records that are: both stand in the answer at once."""
    notes = trail.settings.checkpoint_path / "audit.checkpoints"
    kept = notes.read_bytes()
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        notes.write_bytes(b"")
        await press(pilot, "6")
        assert "■  IN DOUBT" in text_of(app)
        assert "Checkpoints that were made are gone" in said(app)
        notes.write_bytes(kept[:-10])
        app.look_again()
        await settled(pilot)
        assert "IN DOUBT" in text_of(app)
        notes.write_bytes(kept)
        app.look_again()
        await settled(pilot)
        assert "NEVER VERIFIED" in text_of(app)


async def test_everything_about_a_record_opens_with_enter(opened: Open, trail: World) -> None:
    """Its fields and hashes, the intent that it came of, its neighbours, and the checkpoint that it is in."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "end", *["pageup"] * 2, "enter")
        dialog = said(app)
        told = shown(app)[-25]
        assert told.seq == 25
        assert told.event.actor in dialog
        assert f"intent #{told.event.intent} · intent" in dialog or "came to #26 ○ done" in dialog
        assert "previous ○ fits it next ○ fits it" in dialog
        assert "signed in the checkpoint of" in dialog
        assert told.prev[-15:] in dialog


async def test_proof_and_export_are_written_and_hold_when_verified(opened: Open, trail: World, tmp_path: Path) -> None:
    """Each key asks for a file; what lies there then is accepted by a verification that knows nothing else."""
    proof, export = tmp_path / "one proof.json", tmp_path / "trail.jsonl"
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "end", "p", *["backspace"] * 30, *str(proof), "enter", "escape")
        await press(pilot, "e", *["backspace"] * 30, *str(export), "enter", "escape")
        assert json.loads(proof.read_bytes())
        await press(pilot, "colon", *f"audit verify --proof '{proof}'", "enter")
        assert isinstance(app.screen, AnswerDialog)
        assert "intact ✓" in text_of(app)
        await press(pilot, "escape")
        assert "NEVER VERIFIED" in text_of(app)
    assert run(REGISTRY["audit.verify"], trail.ctx, file=str(export)).answer == "yes"
    assert run(REGISTRY["audit.verify"], trail.ctx, proof=str(proof)).record.seq == 1


async def test_nothing_is_proven_before_something_is_signed(opened: Open, world: World) -> None:
    """The screen says what is missing, and how to get it."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "6")
        assert "…  UNSIGNED" in text_of(app)
        await press(pilot, "p", "e")
        assert sum(":audit checkpoint" in toast for toast in toasts(app)) == 2


async def test_a_silent_registry_is_stale_and_an_unreadable_one_unknown(
    opened: Open, trail: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look stays, marked; without one there is the reason instead of a traceback."""
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6")

        def silent(*_: Any, **__: Any) -> Any:
            raise Unavailable("store.locked", "The store is locked by another program", "Wait a moment.")

        monkeypatch.setattr("engine.ops.trail_look.look", silent)
        trail.wait(app, 60)
        await settled(pilot)
        text = text_of(app)
        assert "?  STALE" in text
        assert "locked by another program" in text
    async with opened(scenes.hold, ctx=trail.ctx) as (app, pilot):
        await press(pilot, "6", "down", "enter", "n", "p", "e", "a", "u", "i")
        assert "?  UNKNOWN" in text_of(app)


async def test_a_read_only_console_reads_and_verifies(opened: Open, trail: World) -> None:
    """Nothing on this screen changes anything."""
    async with opened(scenes.hold, ctx=replace(trail.ctx, read_only=True)) as (app, pilot):
        before = trail.ctx.store.audit_head()
        await press(pilot, "6", "v", "o", "c")
        assert "INTACT" in text_of(app)
        assert trail.ctx.store.audit_head() == before


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each query of the trail brought."""
    counts: list[int] = []
    for name in ("page", "page_back"):
        query = getattr(audit_log, name)

        def counted(*args: Any, query: Any = query, **kwargs: Any) -> Any:
            rows = query(*args, **kwargs)
            counts.append(len(rows))
            return rows

        monkeypatch.setattr(audit_log, name, counted)
    return counts


def lengthen(world: World, size: int) -> None:
    """Make the trail so long at once. Its lines are records, though no chain: nobody verifies it here."""
    sample = (
        '{"action":"rollout.set","actor":"op-000000000000","outcome":"done",'
        f'"prev":"{hash_bytes(b"")}","seq":%d,"ts":"2026-01-01T00:00:00Z"}}'
    )
    connection = sqlite3.connect(world.settings.store_path)
    begin = world.ctx.store.audit_head().seq + 1
    connection.execute(
        "WITH RECURSIVE n(i) AS (VALUES(?) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO audit SELECT i, CAST(printf(?, i) AS BLOB) FROM n",
        (begin, size, sample),
    )
    tree = bytes(32 * size.bit_count())
    connection.execute("UPDATE meta SET value = ? WHERE name = 'audit_seq'", (size,))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'audit_tree'", (tree,))
    connection.commit()
    connection.close()


@pytest.mark.slow
async def test_a_million_records_cost_no_more_than_a_window_of_them(
    opened: Open, world: World, rows_read: list[int]
) -> None:
    """Opening, scrolling, going to either end, a filter that nothing matches: the rows that are read are bounded."""
    lengthen(world, 1_000_000)
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        rows_read.clear()
        for keys in (["6"], ["pagedown"], ["end"], ["pageup"], ["home"]):
            before = len(rows_read)
            await press(pilot, *keys)
            assert 0 < sum(rows_read[before:]) <= 10 * audit_log.PAGE
        before = len(rows_read)
        await press(pilot, "o")
        assert "Nothing else down to record 980,001" in text_of(app)
        most = 2 * LOOKED_THROUGH + PARTNER_WITHIN + 10 * audit_log.PAGE
        assert LOOKED_THROUGH <= sum(rows_read[before:]) <= most
        before = len(rows_read)
        await press(pilot, "pagedown")
        assert "Nothing else down to record 960,0" in text_of(app)
        assert sum(rows_read[before:]) <= most
