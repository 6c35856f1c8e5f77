"""The Pilot screen as its user meets it: what it says in each state, what its keys do, and what it never does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.runner import spawn_thread
from engine.context import Progress
from engine.errors import Unavailable
from engine.ops.results.pilot_look import PilotLook
from tests.tui import pilot_scenes, scenes
from tests.tui.conftest import Opened, text_of, toasts

Open = Callable[..., Opened]
Patch = pytest.MonkeyPatch

SIZES = [(80, 24), (160, 45)]


def engine(monkeypatch: Patch, **answers: Any) -> pilot_scenes.Engine:
    """Let operations come to these answers: `run=..., check=...`."""
    stand_in = pilot_scenes.Engine({f"pilot.{name}": answer for name, answer in answers.items()})
    monkeypatch.setattr("capctl.tui.runner.run", stand_in)
    return stand_in


@pytest.mark.parametrize("size", SIZES)
async def test_the_proof_stands_large_with_what_it_rests_on(
    opened: Open, monkeypatch: Patch, size: tuple[int, int]
) -> None:
    """The last line of a run, the verdicts by supplier and by rule, the hashes and the audit record that tie it."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)
    async with opened(scenes.hold, size=size) as (app, pilot):
        await pilot.press("2")
        await pilot.pause()
        shown = text_of(app)
        assert "50/50 written, 0 duplicates, read back and equal" in shown
        assert pilot_scenes.RUN in shown
        assert "5× S03_audit_within_a_year  missing input" in shown
        assert "5feceb66ffc8" in shown
        assert "manifest 9f02be15" in shown
        assert "evidence e7e7e7e7" in shown


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (pilot_scenes.empty, "No pilot run yet"),
        (pilot_scenes.not_configured, "Set SAP_URL"),
        (pilot_scenes.stopped, "20 of 50 rows are proven, the rest is open"),
        (pilot_scenes.stopped_early, "1 of 3 portions verified"),
    ],
)
async def test_each_state_says_what_to_do_next(
    opened: Open, monkeypatch: Patch, moment: Callable[[], PilotLook], words: str
) -> None:
    """Empty, not configured, stopped while writing, stopped before: a word, a reason, and the next key."""
    pilot_scenes.seen(monkeypatch, moment)
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2")
        await pilot.pause()
        assert words in text_of(app)


async def test_a_wait_is_explained_and_progress_goes_on_after_it(opened: Open, monkeypatch: Patch) -> None:
    """SAP's own request to wait stands on the screen as long as it lasts, with how far the run was."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2")
        pilot_scenes.begin(app, told=pilot_scenes.THROTTLED)
        await pilot.pause()
        shown = text_of(app)
        assert "…  WAITING" in shown
        assert "SAP asked to wait 12 s" in shown
        assert "write 20/50" in shown
        pilot_scenes.begin(app, told=(*pilot_scenes.THROTTLED, Progress("writing", 50, 50)))
        await pilot.pause()
        shown = text_of(app)
        assert "Writing rows: 50 of 50" in shown
        assert "Waited 1× so far" in shown


async def test_the_rate_and_the_rest_are_measured(opened: Open, monkeypatch: Patch) -> None:
    """Twenty rows in four seconds are five a second, and thirty more take six."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)
    ctx = scenes.context()
    async with opened(scenes.hold, ctx=ctx) as (app, pilot):
        await pilot.press("2")
        pilot_scenes.begin(app, told=(Progress("writing", 0, 50),))
        await pilot.pause()
        ctx.clock.advance(4)  # type: ignore[attr-defined]
        app.post_message(pilot_scenes.told(Progress("writing", 20, 50)))
        await pilot.pause()
        assert "40 %  5.0/s, 6 s left" in text_of(app)


async def test_a_run_is_asked_for_and_names_what_it_writes_into(opened: Open, monkeypatch: Patch) -> None:
    """`g` asks, `y` runs; a new run gets its id from the engine."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)
    ran = engine(monkeypatch, run=pilot_scenes.written()).ran
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2", "g")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        assert "Writes verdicts into the simulator" in text_of(app)
        await pilot.press("enter")
        assert ran == []
        await pilot.press("g", "y")
        await pilot.pause()
        assert ran == [("pilot.run", {})]
        assert "capctl pilot run --env demo" in text_of(app)


@pytest.mark.parametrize("moment", [pilot_scenes.stopped, pilot_scenes.stopped_early])
async def test_an_interrupted_run_goes_on_under_its_id(
    opened: Open, monkeypatch: Patch, moment: Callable[[], PilotLook]
) -> None:
    """The same id, so that nothing is written twice."""
    pilot_scenes.seen(monkeypatch, moment)
    ran = engine(monkeypatch, run=pilot_scenes.written()).ran
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2", "g")
        assert f"Go on with {pilot_scenes.RUN}?" in text_of(app)
        await pilot.press("y")
        await pilot.pause()
        assert ran == [("pilot.run", {"run_id": pilot_scenes.RUN})]


async def test_a_dry_run_shows_every_row_and_needs_no_question(opened: Open, monkeypatch: Patch) -> None:
    """Status, action and validity of each row, to scroll through; and the log says that it was a dry run."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.empty)
    ran = engine(monkeypatch, run=pilot_scenes.planned()).ran
    async with opened(scenes.hold, size=(160, 45)) as (app, pilot):
        await pilot.press("2", "d")
        await pilot.pause()
        shown = text_of(app)
        assert ran == [("pilot.run", {"dry_run": True})]
        assert "50 of 50 rows would be written" in shown
        assert "FAIL 5feceb66ffc8  create  to 2027-03-14  manifest 9f02be15" in shown
        assert "IrHash        sha3-256:3fa9d210" in shown
        assert "capctl pilot run --env demo --dry-run" in shown
        await pilot.press("end")
        assert "of 50" in text_of(app)
        assert "5feceb66ffc8" not in text_of(app)


async def test_a_refused_password_is_not_tried_again(opened: Open, monkeypatch: Patch) -> None:
    """SAP locks users: after one refusal every key that would log on explains itself instead."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.empty)
    ran = engine(monkeypatch, check=pilot_scenes.logon_refused()).ran
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2", "c")
        await pilot.pause()
        assert "Do not try again: SAP locks users" in text_of(app)
        await pilot.press("c", "d", "g")
        await pilot.pause()
        assert [op_id for op_id, _ in ran] == ["pilot.check"]
        assert sum("SAP refused this logon" in toast for toast in toasts(app)) == 3


async def test_a_failure_keeps_its_reason_and_says_that_it_goes_on(opened: Open, monkeypatch: Patch) -> None:
    """What SAP said stands where the proof would stand."""
    error = Unavailable("sap.throttled", "SAP asks for fewer requests", "Run the same command again in 900 s.")
    pilot_scenes.seen(monkeypatch, pilot_scenes.stopped)
    engine(monkeypatch, run=error)
    async with opened(scenes.hold, size=(160, 45)) as (app, pilot):
        await pilot.press("2", "g", "y")
        await pilot.pause()
        shown = text_of(app)
        assert "F A I L E D" in shown
        assert "SAP asks for fewer requests" in shown
        assert f"Then g goes on with {pilot_scenes.RUN}" in shown


async def test_the_connection_is_checked_on_the_screen(opened: Open, monkeypatch: Patch) -> None:
    """`c` needs no dialog: what was found stands beside the system's name."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.empty)
    engine(monkeypatch, check=pilot_scenes.checked())
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2", "c")
        await pilot.pause()
        assert "checked: client 100, 50 suppliers" in text_of(app)
        assert "First c" not in text_of(app)


async def test_suppliers_are_filtered_and_other_runs_are_looked_at(opened: Open, monkeypatch: Patch) -> None:
    """What the screen asks the ledger for: one verdict, and the run before."""
    asked: list[tuple[str | None, str]] = []

    def look(ctx: object, run_id: str | None, *, status: str, offset: int, limit: int) -> PilotLook:
        asked.append((run_id, status))
        return pilot_scenes.look()

    monkeypatch.setattr("engine.ops.pilot_look.look", look)
    async with opened(scenes.hold) as (_, pilot):
        await pilot.press("2", "f", "f", "left")
        await pilot.pause()
        assert asked == [(None, ""), (None, "FAIL"), (None, "WARN"), (pilot_scenes.BEFORE, "WARN")]


async def test_a_hundred_thousand_suppliers_are_looked_at_in_parts(opened: Open, monkeypatch: Patch) -> None:
    """Scrolling to the end asks for the last part only."""
    offsets: list[int] = []

    def look(ctx: object, run_id: str | None, *, status: str, offset: int, limit: int) -> PilotLook:
        offsets.append(offset)
        row = pilot_scenes.suppliers()[0]
        last = min(offset + limit, 100_000)
        rows = tuple(replace(row, supplier=f"hmac-sha256:5d2f9a01:{i:064}"[-64:]) for i in range(offset, last))
        return pilot_scenes.look(rows=rows, offset=offset, matching=100_000)

    monkeypatch.setattr("engine.ops.pilot_look.look", look)
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("2", "end")
        await pilot.pause()
        assert len(offsets) == 2
        assert "99,992 of 100,000" in text_of(app)
        assert text_of(app).count("FAIL 000000000000") == 9


async def test_a_run_that_hangs_never_blocks_the_screen(opened: Open, monkeypatch: Patch) -> None:
    """While SAP does not answer, keys work, the rollout can be looked at and rolled back."""
    release, entered = threading.Event(), threading.Event()
    ran: list[str] = []

    def hang(op: Any, ctx: object, /, **arguments: Any) -> None:
        ran.append(op.id)
        if op.id == "pilot.check":
            entered.set()
            release.wait(10)

    pilot_scenes.seen(monkeypatch, pilot_scenes.empty)
    monkeypatch.setattr("capctl.tui.runner.run", hang)
    async with opened(scenes.hold, spawn=spawn_thread) as (app, pilot):
        try:
            await pilot.press("2", "c")
            assert entered.wait(10)
            await pilot.press("c")
            assert any("under way" in toast for toast in toasts(app))
            await pilot.press("b", "y")
            while "rollout.rollback" not in ran:
                await pilot.pause()
        finally:
            release.set()
        assert ran == ["pilot.check", "rollout.rollback"]


async def test_a_look_that_fails_makes_the_screen_stale(opened: Open, monkeypatch: Patch) -> None:
    """After three missed looks the word STALE and the reason replace what was known."""
    answers: list[PilotLook | Exception] = [pilot_scenes.look()]

    def look(ctx: object, run_id: str | None, **options: Any) -> PilotLook:
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("engine.ops.pilot_look.look", look)
    ctx = scenes.context()
    async with opened(scenes.hold, ctx=ctx) as (app, pilot):
        await pilot.press("2")
        answers.append(Unavailable("sap.outbox", "The outbox of write-backs cannot be opened", "Move it away."))
        ctx.clock.advance(16)  # type: ignore[attr-defined]
        app.look_again()
        await pilot.pause()
        shown = text_of(app)
        assert "?  STALE" in shown
        assert "The outbox of write-backs cannot be opened" in shown
        assert "50/50 written" not in shown


async def test_only_the_screen_that_is_shown_is_sampled(opened: Open, monkeypatch: Patch) -> None:
    """Leaving the pilot stops looking at it; coming back looks at once."""
    looks: list[int] = []

    def look(ctx: object, run_id: str | None, **options: Any) -> PilotLook:
        looks.append(1)
        return pilot_scenes.look()

    monkeypatch.setattr("engine.ops.pilot_look.look", look)
    async with opened(scenes.hold) as (app, pilot):
        app.look_again()
        assert len(looks) == 0
        await pilot.press("2", "1")
        app.look_again()
        assert len(looks) == 1
        await pilot.press("2")
        assert len(looks) == 2


async def test_read_only_looks_and_writes_nothing(opened: Open, monkeypatch: Patch) -> None:
    """A read-only console shows runs and checks the connection; it starts none."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)
    ran = engine(monkeypatch, check=pilot_scenes.checked()).ran
    async with opened(scenes.hold, ctx=scenes.context(read_only=True)) as (app, pilot):
        await pilot.press("2", "g", "d", "c")
        await pilot.pause()
        assert ran == [("pilot.check", {})]
        assert sum("read-only" in toast for toast in toasts(app)) == 2
