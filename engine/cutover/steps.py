"""The steps of a cutover as data: what each asks, what it takes to go on, and the way back from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple


class StepKind(NamedTuple):
    """One kind of step."""

    id: str
    """`enforce` stands for one step for each percentage, `enforce-25`."""
    title: str
    command: str
    """What does it by hand, after `capctl`."""
    proof: str
    """What its evidence must show."""
    way_back: str
    """The command that undoes it; empty where it changes nothing."""
    needs_go: bool = False
    """Whether a person says go before it: from here on callers notice."""


ENFORCE: Final = "enforce-"
LOAD: Final = "load"
REHEARSAL: Final = Path(__file__).with_name("rehearsal.yaml")
"""Values of a release that is rehearsed on this machine."""
KINDS: Final = (
    StepKind("preflight", "Preflight", "deploy plan", "no obstacle that can be seen", ""),
    StepKind("orr", "Readiness review", "orr verify", "a signature that holds, where production asks for one", ""),
    StepKind("deploy", "Deploy", "deploy apply", "every resource is ready", "deploy rollback", needs_go=True),
    StepKind("smoke", "Smoke", "smoke", "every check is good", "deploy rollback"),
    StepKind("canary", "Canary", "canary watch", "clean for the whole time", "deploy rollback"),
    StepKind("enforce-0", "Enforce 0 %", "rollout start", "everything is measured, nothing enforced", ""),
    StepKind(ENFORCE, "Enforce {percent} %", "rollout promote", "the gate is open", "rollout rollback", needs_go=True),
    StepKind(
        LOAD,
        "Spot load",
        "load --rps 20",
        "95 % answered in time, hardly any errors, while a share is enforced",
        "rollout rollback",
    ),
    StepKind("pilot", "SAP pilot", "pilot run", "every row written once and read back", "rollout rollback"),
    StepKind("drills", "Drills", "drill restore", "the restored copy is identical", "rollout rollback"),
    StepKind("sign-off", "Sign-off", "report", "a person says that it is done", "rollout rollback", needs_go=True),
)
"""In the order of the evening."""


def step_ids(percents: Sequence[str]) -> tuple[str, ...]:
    """The steps of an evening that goes through these percentages; the first is 0.

    The load is put on while the first share is enforced, so that everything is not enforced before that is known.
    """
    first, *rest = [f"{ENFORCE}{percent}" for percent in percents[1:]]
    ids = [kind.id for kind in KINDS if kind.id != LOAD]
    place = ids.index(ENFORCE)
    return (*ids[:place], first, LOAD, *rest, *ids[place + 1 :])


def kind_of(step: str) -> StepKind:
    """The kind of a step, its title filled in. Raises KeyError where there is none."""
    for kind in KINDS:
        if kind.id == step:
            return kind
    if step.startswith(ENFORCE):
        kind = next(kind for kind in KINDS if kind.id == ENFORCE)
        return kind._replace(id=step, title=kind.title.format(percent=step.removeprefix(ENFORCE)))
    raise KeyError(step)
