"""Replay: what a change would have done, however the recording is cut."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision import Decider, ReplaySummary, context_hash, replay_chunk
from engine.decision.replay_parallel import ReplayJob, replay
from tests.unit.decision.policies import AUDIT_AGE, NOW, SALT, SANCTIONS, SETS, context, policy, rule

IR = policy(SANCTIONS, AUDIT_AGE)
CANDIDATE = policy(SANCTIONS, rule("R3", "now() - max(audit_dates)", "range_max", "P90D"))
JOB = ReplayJob(IR, CANDIDATE, SETS, SALT, NOW)


def line(**changes):
    return json.dumps(context(**changes)).encode()


STEADY = line()
FLIPPING = line(audit_dates=["2026-01-31"])
RECORDING = [STEADY, FLIPPING, b"", b"{not json", line(supplier_hashes=["bad-1"]), b'{"surprise": 1}', FLIPPING + b"\n"]


def summary(lines=RECORDING, first_line=1):
    return replay_chunk(lines, JOB.decider(), at=NOW, first_line=first_line)


def test_flips_are_counted_by_direction_and_rule():
    """Which verdicts change, which way, because of which rules; unchanged ones only in the matrix."""
    seen = summary()
    assert seen.total == 4
    assert seen.flips == {"over_block": 2}
    assert seen.explained == {("over_block", "R3", "above_maximum"): 2}
    assert seen.matrix == {("ok", "ok"): 1, ("ok", "fail"): 2, ("fail", "fail"): 1}


def test_examples_name_contexts_by_hash_only():
    """An operator can find the context; the summary itself holds nothing of it."""
    examples = summary().examples
    assert [example.line for example in examples] == [2, 7]
    assert examples[0].context_hash == context_hash(json.loads(FLIPPING))
    assert b"2026-01-31" not in json.dumps(summary().to_json()).encode()


def test_malformed_lines_are_counted_by_code_and_line():
    """A broken line stops nothing and is not forgotten."""
    seen = summary()
    assert seen.malformed == {"json.malformed": 1, "context.malformed": 1}
    assert [(bad.line, bad.code) for bad in seen.malformed_lines] == [(4, "json.malformed"), (6, "context.malformed")]


def test_preview_is_what_the_rollout_would_have_enforced():
    """The flips foretold for 25 % are those that a 25 % rollout with the same salt drifts on."""
    lines = [line(audit_dates=["2026-01-31"], variables={"n": n}) for n in range(300)]
    decider = Decider(IR, SETS, salt=SALT, candidate=CANDIDATE)
    enforced = [
        decider.decide(json.loads(text), at=NOW, enforce=True, basis_points=2_500).drift != "none" for text in lines
    ]
    seen = replay_chunk(lines, decider, at=NOW)
    assert seen.flips_at == {2_500: sum(enforced), 10_000: 300}
    assert 0 < sum(enforced) < 300


@given(st.lists(st.sampled_from(RECORDING), max_size=40), st.integers(0, 40), st.booleans())
def test_summaries_add_up_however_the_recording_is_cut(lines, cut, swapped):
    """Two parts in either order say what the whole says."""
    head, tail = summary(lines[:cut]), summary(lines[cut:], first_line=len(lines[:cut]) + 1)
    assert (tail + head if swapped else head + tail) == summary(lines)


def test_summary_crosses_processes():
    """What a worker sends back is what it found."""
    assert pickle.loads(pickle.dumps(summary())) == summary()


def test_nothing_replayed_is_an_empty_summary():
    """No lines: no flips, no ratio, no division by zero."""
    assert replay([], JOB) == ReplaySummary()
    assert ReplaySummary().to_json()["flip_ratio"] == 0.0


def test_progress_is_told_in_lines():
    """Whoever waits is told how far it is."""
    told = []
    replay(RECORDING * 300, JOB, progress=told.append)
    assert told == [1_000, 2_000, 2_100]


@pytest.mark.slow
def test_several_processes_say_the_same_as_one():
    """The number of workers changes how long it takes and nothing else."""
    lines = RECORDING * 500
    assert replay(lines, JOB, workers=2) == replay(lines, JOB)


def test_long_lines_make_short_chunks(monkeypatch):
    """A recording of huge contexts is not held in memory a thousand lines at a time."""
    monkeypatch.setattr("engine.decision.replay_parallel.CHUNK_BYTES", 3 * len(STEADY))
    told = []
    replay([STEADY] * 7, JOB, progress=told.append)
    assert told == [3, 6, 7]
