"""Running the probes: side by side, each with its own end, and every failure an "unknown".

A probe asks an observer of its kind, and compares what it saw. The observers know the world (helm, kubectl, Prometheus,
HTTP, the registry); this module knows none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from engine.clock import Clock
from engine.context import Progress
from engine.errors import EngineError
from engine.ids import hash_json
from engine.readiness.items import Item, Probe
from engine.readiness.review import Answer, Finding

SIDE_BY_SIDE: Final = 8
ROUND_LASTS_S: Final = 60.0
"""What is unanswered after a minute is unknown; the evening goes on."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What an observer saw."""

    values: Sequence[Any]
    """Everything at the place that the probe names, JSON data; empty where there is nothing."""
    said: str
    """In a line, for people; without secrets."""


Observer: TypeAlias = Callable[[Mapping[str, Any]], Observed]
"""Answers a probe's arguments. Raises EngineError where it cannot see."""


def run_probes(
    items: Sequence[Item],
    observers: Mapping[str, Observer],
    clock: Clock,
    *,
    emit: Callable[[Progress], None],
    round_lasts_s: float = ROUND_LASTS_S,
) -> dict[str, Finding]:
    """Find out about every item that a machine can answer.

    Args:
        items: Any; those that take a person's word are left alone.
        observers: By kind of probe.
        clock: Dates the findings.
        emit: Hears of each finding as it comes.
        round_lasts_s: When to stop waiting, in seconds.

    Returns:
        A finding by item id, for every item with a probe.
    """
    probed = [(item, item.check) for item in items if isinstance(item.check, Probe)]
    findings: dict[str, Finding] = {}
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="probe")
    try:
        futures = {pool.submit(_ask, probe, observers.get(probe.kind), clock): item for item, probe in probed}
        for future in as_completed(futures, timeout=round_lasts_s):
            item = futures[future]
            findings[item.id] = future.result()
            emit(Progress("probes", len(findings), len(probed), f"{item.id}: {findings[item.id].answer.value}"))
    except TimeoutError:
        late = Finding(Answer.UNKNOWN, f"no answer within {round_lasts_s:g} s", clock.now(), hash_json(None))
        findings |= {item.id: late for item, _ in probed if item.id not in findings}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return findings


def _ask(probe: Probe, observe: Observer | None, clock: Clock) -> Finding:
    if observe is None:
        return Finding(Answer.UNKNOWN, f"nothing here can see a {probe.kind}", clock.now(), hash_json(None))
    try:
        observed = observe(probe.arguments)
    except EngineError as error:
        return Finding(Answer.UNKNOWN, error.message, clock.now(), hash_json({"code": error.code}))
    except Exception as error:  # whatever goes wrong while looking, nothing was seen
        return Finding(Answer.UNKNOWN, f"looking failed ({type(error).__name__})", clock.now(), hash_json(None))
    met = probe.expectation is None or probe.expectation.is_met(observed.values)
    answer = Answer.PASSED if met and (observed.values or _expects_nothing(probe)) else Answer.FAILED
    wanted = f"; wanted: {probe.expectation}" if answer is Answer.FAILED and probe.expectation else ""
    evidence = hash_json({"probe": dict(probe.arguments), "values": [repr(value) for value in observed.values]})
    return Finding(answer, observed.said + wanted, clock.now(), evidence)


def _expects_nothing(probe: Probe) -> bool:
    return probe.expectation is not None and probe.expectation.comparison == "absent"


def values_at(document: Any, path: str) -> list[Any]:
    """What stands at a path in JSON data: `spec.containers.*.image`.

    A member is named, `*` is every member of a list. Nothing there gives nothing.
    """
    found = [document]
    for name in path.split(".") if path else ():
        found = [child for value in found for child in _children(value, name)]
    return found


def _children(value: Any, name: str) -> list[Any]:
    if name == "*":
        return value if isinstance(value, list) else []
    return [value[name]] if isinstance(value, dict) and name in value else []
