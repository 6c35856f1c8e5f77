"""What a verifier has measured of the demonstration's policy, beside others that it serves."""

from __future__ import annotations

from engine.demo.seed import POLICY_ID
from engine.drift.sample import ReplicaSample
from engine.verifier.runtime import Runtime


def sample_of(runtime: Runtime) -> ReplicaSample:
    """The only sample of that policy."""
    samples = runtime.recorder.samples(runtime.replica, runtime.clock.now())
    [own] = [sample for sample in samples if sample.policy_id == POLICY_ID]
    return own
