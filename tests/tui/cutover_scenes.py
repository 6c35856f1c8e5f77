"""Frozen moments of an evening, from which the tests draw its screen. Every number is chosen, none measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from capctl.tui.app import ControlRoom
from capctl.tui.messages import Call, OperationDone, OperationProgressed, OperationStarted
from engine.audit import AuditEvent, AuditRecord
from engine.context import Progress
from engine.cutover.plan import Evening, Phase, Step, StepState
from engine.cutover.steps import step_ids
from engine.errors import Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.results.audit import ShownRecord
from engine.ops.results.cutover import CutoverLook, CutoverShown
from engine.ports import CutoverLease
from tests.tui.scenes import NOW

ID: Final = "20260314_012900_5b1c0e"
STEPS: Final = step_ids(("0", "25", "100"))
ONCALL: Final = "actor:5c1"
SECOND: Final = "actor:9e4"
NAMES: Final = {ONCALL: "oncall", SECOND: "second"}
SHOWED: Final = {
    "preflight": "14 differences, chart 0.1.0",
    "orr": "signed, and the signature holds",
    "deploy": "revision 2 serves, before: 1",
    "smoke": "12 of 12 checks are good",
    "canary": "clean for 900 s of 900 s",
    "enforce-0": "everything is measured, nothing is enforced",
    "enforce-25": "25 % is enforced: 0 of 901 requests drifted",
    "load": "1,200 requests at 20/s, 25 % enforced: p50 8 ms, p95 31 ms, p99 64 ms, 0 failed",
    "enforce-100": "100 % is enforced: 0 of 901 requests drifted",
    "pilot": f"50/50 written, 0 duplicates, run RUN_{ID}",
    "drills": "restored in 412 ms, recovery point 3 s; report sha3-256:9f02be15",
    "sign-off": "signed off by oncall",
}


def evening(done: int, state: StepState = StepState.WAITING, evidence: str = "", **changes: Any) -> Evening:
    """An evening of which so many steps are done, the next one in some state."""
    steps = []
    for place, id in enumerate(STEPS):
        at = NOW - timedelta(seconds=150 - 12 * place)
        if place < done:
            steps.append(Step(id, StepState.DONE, SHOWED[id], ONCALL, at, 1, go=ONCALL))
        elif place == done and state is not StepState.WAITING:
            steps.append(Step(id, state, evidence, ONCALL, at, 1))
        else:
            steps.append(Step(id))
    begun = Evening(ID, "demo", "local", "lksg.v1", 900, ONCALL, NOW - timedelta(seconds=160), tuple(steps), Phase.OPEN)
    return replace(begun, **changes)


def lease(step: str, *, actor: str = SECOND, heard_s: float = 1.0) -> CutoverLease:
    """Somebody works on a step."""
    since, at = NOW - timedelta(seconds=42), NOW - timedelta(seconds=heard_s)
    return CutoverLease("demo", "0badc0de", actor, step, since, 42, at)


def record(seq: int, what: str, *, age_s: int, actor: str = "oncall", outcome: str = "done") -> ShownRecord:
    """A record of the audit trail about a step."""
    told = AuditEvent("cutover.step", outcome, "actor:5c1", object=f"{ID}/{what}")
    at = NOW - timedelta(seconds=age_s)
    return ShownRecord(AuditRecord(seq=seq, at=at, prev="sha3-256:" + "0" * 64, event=told), actor, None)


HISTORY: Final = (
    record(412, "canary", age_s=88),
    record(411, "canary", age_s=102),
    record(410, "smoke", age_s=103),
    record(409, "smoke", age_s=114),
    record(408, "deploy", age_s=115),
    record(407, "deploy", age_s=126),
    record(406, "go", age_s=127, actor="second"),
    record(405, "begin", age_s=160),
)


def look(found: Evening | None, held: CutoverLease | None = None, **changes: Any) -> CutoverLook:
    """A look at an evening."""
    shown = CutoverShown("demo", NOW, found, held, NAMES, **changes)
    return CutoverLook(shown, STEPS, HISTORY if found else ())


def not_begun() -> CutoverLook:
    """There was none yet."""
    return look(None)


def waiting() -> CutoverLook:
    """Nothing is enforced yet, and the next step asks."""
    return look(evening(6))


def failed() -> CutoverLook:
    """The canary answered with an error."""
    return look(evening(4, StepState.FAILED, "clean for 312 s of 900 s; 1 of 4,881 answers was 5xx"))


def held() -> CutoverLook:
    """The gate had no answer for too long."""
    why = "the gate holds for 600 s: 412 requests since the step began; 489 more clean ones needed, about 2 min at 4/s"
    return look(evening(6, StepState.HELD, why))


def cut_off() -> CutoverLook:
    """Whoever drove was interrupted, and their lease went with them."""
    return look(evening(4, StepState.RUNNING))


def silent() -> CutoverLook:
    """Whoever drove is not heard of any more."""
    return look(evening(4, StepState.RUNNING), lease("canary", heard_s=23))


def driven() -> CutoverLook:
    """A colleague drives."""
    return look(evening(4, StepState.RUNNING), lease("canary"))


def here() -> CutoverLook:
    """This console drives."""
    return look(evening(4, StepState.RUNNING), lease("canary", actor=ONCALL))


def rolled_back() -> CutoverLook:
    """Everything was taken back at 25 %."""
    return look(evening(STEPS.index("enforce-25") + 1, phase=Phase.ROLLED_BACK))


def done() -> CutoverLook:
    """Signed off."""
    return look(evening(12, phase=Phase.DONE), record=f"evening-{ID}.html")


def seen(monkeypatch: pytest.MonkeyPatch, moment: Callable[[], CutoverLook]) -> None:
    """Let the screen look at a moment instead of at a registry."""
    monkeypatch.setattr("engine.ops.cutover_look.look", lambda ctx, **options: moment())


def seen_once(monkeypatch: pytest.MonkeyPatch, moment: Callable[[], CutoverLook]) -> None:
    """Let the screen look at a moment, and from then on at a registry that does not answer."""
    looks = [moment()]

    def look(ctx: object, **options: Any) -> CutoverLook:
        if not looks:
            raise Unavailable("store.locked", "The store is locked by another program", "Wait a moment.")
        return looks.pop()

    monkeypatch.setattr("engine.ops.cutover_look.look", look)


CANARY: Final = (
    Progress("canary", 4, 12, output="canary ..."),
    Progress("canary", 312, 900, "34 requests a second, p95 12 ms, 0 errors"),
)


def begin(app: ControlRoom, *told: Progress) -> None:
    """Put a run on the screen that is under way and has told so much."""
    app.post_message(OperationStarted(1, Call(REGISTRY["cutover.resume"], {"go": True})))
    for progress in told:
        app.post_message(OperationProgressed(1, progress))


def end(app: ControlRoom, come_to: CutoverLook) -> None:
    """Let the run that is under way end."""
    app.post_message(OperationDone(1, Call(REGISTRY["cutover.resume"], {"go": True}), come_to.shown))


def told(progress: Progress) -> OperationProgressed:
    """Further progress of the run that is under way."""
    return OperationProgressed(1, progress)
