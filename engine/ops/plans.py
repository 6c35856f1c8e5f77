"""Rollout plans from files."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.rollout.state import RolloutPlan


def load_plan(path: str | None, *, auto: bool, drift_max: float | None) -> "RolloutPlan":
    """A plan from a YAML or JSON file, or the default one, with what the command line says on top.

    Args:
        path: The file; None for the default plan.
        auto: Promote by itself, whatever the file says.
        drift_max: The limit on drift of every step; None leaves the file's.

    Raises:
        InvalidInput: The file or a value is malformed.
        Unavailable: The file cannot be read.
    """
    from dataclasses import replace

    from engine.ops.yaml_data import read_data
    from engine.rollout.plan import default_plan, parse_gate, parse_plan

    plan = default_plan() if path is None else parse_plan(read_data(path, what="plan"))
    if drift_max is not None:
        plan = replace(
            plan,
            steps=tuple(
                replace(step, gate=parse_gate({"drift_max_ratio": drift_max}, base=step.gate)) for step in plan.steps
            ),
        )
    return replace(plan, auto=plan.auto or auto)
