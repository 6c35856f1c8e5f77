"""decide() beside the function a person would write by hand: goals P1, P2 and P6."""

from __future__ import annotations

import gc
import time
from functools import partial

from engine.decision import Decider
from engine.drift.recorder import DriftRecorder
from tests.bench.measure import alternate, table
from tests.bench.workload import CONTEXTS, NOW, Workload, floor, floor_evidence, workload

SALT = bytes(range(32))
STEP = "step"


def run() -> str:
    """Measure W1 and W2 and return the tables."""
    parts = []
    medians = {}
    for name, entries in (("W1", 10_000), ("W2", 1_000_000)):
        load = workload(entries)
        timings = alternate("floor", _work(load), calls=CONTEXTS)
        medians[name] = timings[DECIDE].median_us
        parts.append(table(timings, f"{name}, {entries:,} entries", "floor"))
        p1, p2 = timings[DECIDE].ratio, timings[EVIDENCE].ratio / timings["floor_evidence"].ratio
        parts.append(f"P1 ({name}): {p1:.2f}; P2 ({name}): {p2:.2f}")
    parts.append(f"P6: W2 / W1 median {medians['W2'] / medians['W1']:.2f}; {_list_memory()}")
    return "\n\n".join(parts)


DECIDE = "decide() with drift record"
EVIDENCE = "decide() with drift record and context hash"


def _work(load: Workload) -> dict[str, partial[None]]:
    decider = Decider(load.ir, load.reference_sets, salt=SALT)
    _check_answers(load, decider)
    recorder = DriftRecorder(time.monotonic)
    recorder.begin_step(load.ir.policy_id, STEP, 1)
    return {
        "floor": partial(_floor, load),
        "floor_evidence": partial(_floor_evidence, load),
        "evaluation alone": partial(_evaluate, load, decider),
        "decide()": partial(_decide, load, decider),
        DECIDE: partial(_decide_and_record, load, decider, recorder),
        EVIDENCE: partial(_decide_with_evidence, load, decider, recorder),
    }


def _floor(load: Workload) -> None:
    sanctions = load.sanctions
    for context in load.contexts:
        floor(context, sanctions)


def _floor_evidence(load: Workload) -> None:
    sanctions = load.sanctions
    for context in load.contexts:
        floor_evidence(context, sanctions)


def _evaluate(load: Workload, decider: Decider) -> None:
    evaluate = decider._baseline.evaluate
    for context in load.contexts:
        evaluate(context, NOW)


def _decide(load: Workload, decider: Decider) -> None:
    decide = decider.decide
    for context in load.contexts:
        decide(context, at=NOW, enforce=True, basis_points=2_500, unit="request-1")


def _decide_and_record(load: Workload, decider: Decider, recorder: DriftRecorder) -> None:
    decide, record = decider.decide, recorder.record
    for context in load.contexts:
        record(decide(context, at=NOW, enforce=True, basis_points=2_500, unit="request-1"), step_id=STEP)


def _decide_with_evidence(load: Workload, decider: Decider, recorder: DriftRecorder) -> None:
    decide, record = decider.decide, recorder.record
    for context in load.contexts:
        record(decide(context, at=NOW, enforce=True, basis_points=2_500), step_id=STEP)


def _check_answers(load: Workload, decider: Decider) -> None:
    """Whoever is fast and wrong is not measured."""
    for context in load.contexts:
        decision = decider.decide(context, at=NOW, enforce=True, basis_points=10_000, unit="any")
        ours = (decision.shadow.verdict, decision.enforced.verdict, [v.rule_id for v in decision.shadow.violations])
        if ours != floor(context, load.sanctions):
            raise AssertionError(f"decide() and the floor disagree: {ours}")


def _list_memory() -> str:
    """What a Decider adds to the memory of a million-entry list: it keeps the set it is given."""
    load = workload(1_000_000)
    gc.collect()
    start = time.process_time()
    decider = Decider(load.ir, load.reference_sets, salt=SALT)
    spent_ms = (time.process_time() - start) * 1_000
    shared = any(members is load.sanctions for members in decider._sets.values())
    verb = "shares" if shared else "copies"
    return f"a Decider over the million entries is made in {spent_ms:.1f} ms and {verb} the set"
