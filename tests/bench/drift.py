"""Drift: recording a decision against a Prometheus counter (M1, M2), reading, memory at ten thousand policies."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from functools import partial
from itertools import count

from prometheus_client import CollectorRegistry, Counter

from engine.decision.verdict import Decision, Drift, Outcome, Verdict, Violation
from engine.drift.gate import GateSettings, evaluate_gate
from engine.drift.recorder import DriftRecorder
from engine.drift.windows import DriftWindows
from tests.bench.measure import alternate, table

POLICIES = 10_000
OK = Outcome(Verdict.OK, (), True)
BAD = Outcome(Verdict.FAIL, (Violation("R1", "member_found"),), True)
CLEAN = Decision("lksg.v1", OK, OK, OK, True, 1, Drift.NONE, Drift.NONE)
DRIFTING = Decision("lksg.v1", OK, BAD, BAD, True, 1, Drift.OVER_BLOCK, Drift.NONE)


def run() -> str:
    """Measure on a recorder that has a rollout under way."""
    windows = DriftWindows(time.monotonic)
    recorder = DriftRecorder(time.monotonic)
    recorder.begin_step("lksg.v1", "step", 1)
    counter = Counter("kept", "A counter.", ["policy_id"], registry=CollectorRegistry())
    kept = counter.labels("lksg.v1")
    recording = alternate(
        "kept child inc() (M2)",
        {
            "kept child inc() (M2)": kept.inc,
            "DriftWindows.record": partial(windows.record, CLEAN),
            "DriftRecorder.record": partial(recorder.record, CLEAN, step_id="step"),
            "DriftRecorder.record, drifting": partial(recorder.record, DRIFTING, step_id="step"),
            "DriftRecorder.record_http": partial(recorder.record_http, 200, 0.004),
        },
    )
    together = alternate(
        "labels().inc() (M1)",
        {
            "labels().inc() (M1)": lambda: counter.labels("lksg.v1").inc(),
            "record and record_http": partial(_record_both, recorder),
        },
    )
    reading = alternate(
        "windows.counts",
        {
            "windows.counts": partial(windows.counts, "60m", "lksg.v1"),
            "recorder.samples": partial(recorder.samples, "v-1", datetime.now(UTC)),
            "evaluate_gate": partial(_judge, recorder),
        },
    )
    return "\n\n".join(
        (
            table(recording, "one event", "inc()"),
            table(together, "one decision with its answer", "labels().inc()"),
            table(reading, "one look", "windows.counts"),
            _memory(),
        )
    )


def _record_both(recorder: DriftRecorder) -> None:
    recorder.record(CLEAN, step_id="step")
    recorder.record_http(200, 0.004)


def _judge(recorder: DriftRecorder) -> None:
    [sample] = recorder.samples("v-1", datetime.now(UTC))
    evaluate_gate(
        GateSettings(),
        step=sample.step,
        traffic=sample.step_traffic,
        windows=sample.windows,
        source_age_s=0.5,
        step_age_s=600.0,
        hold_s=300.0,
        requests_per_s=200.0,
        basis_points=2500,
    )


def _memory() -> str:
    """Memory of an hour over ten thousand policies, one decision for each every five seconds of a simulated clock."""
    now = count(0.0, 5.0)
    moment = [0.0]
    tracemalloc.start()
    windows = DriftWindows(lambda: moment[0])
    for _ in range(20):
        moment[0] = next(now)
        for number in range(POLICIES):
            windows.record(CLEAN._replace(policy_id=f"policy-{number}"))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    tracked = len(windows.policies())
    each = f"{size / tracked / 1024:.1f} KiB each"
    return f"{POLICIES:,} policies: {tracked:,} tracked, {size / 2**20:.1f} MiB in all, {each}"
