"""Rollout plans from files."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.rollout.state import RolloutPlan


def load_plan(
    path: str | None,
    *,
    auto: bool,
    drift_max: float | None,
    default_drift_max: float,
    previous: "RolloutPlan | None" = None,
) -> "RolloutPlan":
    """A plan from a YAML or JSON file, else the last one, else the default, with what the command line says on top.

    Args:
        path: The file; None where none was named.
        auto: Promote by itself, whatever the file says. A plan that is used again does so only when it is asked again.
        drift_max: The limit on drift of every step; None leaves the plan's.
        default_drift_max: The environment's limit, for a plan that names none.
        previous: The plan of the rollout before this one.

    Raises:
        InvalidInput: The file or a value is malformed.
        Unavailable: The file cannot be read.
    """
    from dataclasses import replace

    from engine.drift.gate import GateSettings
    from engine.ops.yaml_data import read_data
    from engine.rollout.plan import default_plan, parse_gate, parse_plan

    gate = GateSettings(drift_max_ratio=default_drift_max)
    if path is not None:
        plan = parse_plan(read_data(path, what="plan"), gate=gate)
    else:
        plan = replace(previous, auto=False) if previous else default_plan(gate)
    if drift_max is not None:
        plan = replace(
            plan,
            steps=tuple(
                replace(step, gate=parse_gate({"drift_max_ratio": drift_max}, base=step.gate)) for step in plan.steps
            ),
        )
    return replace(plan, auto=plan.auto or auto)
