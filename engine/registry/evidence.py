"""What verifiers report about themselves, as each last said it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.drift.counts import Counts
from engine.drift.sample import Explanation, ReplicaSample, Traffic
from engine.errors import InvalidInput, Unavailable

KEPT_AFTER_STEP: Final = timedelta(days=1)
"""How long a silent replica's report about a step that is over stays: the table must not grow with every pod."""


def report(connection: sqlite3.Connection, samples: Iterable[ReplicaSample]) -> None:
    """Replace what replicas last said about policies."""
    connection.executemany(
        "INSERT INTO evidence VALUES (?, ?, ?, ?) ON CONFLICT (policy_id, replica)"
        " DO UPDATE SET at = excluded.at, sample = excluded.sample",
        [(sample.policy_id, sample.replica, to_rfc3339(sample.at), _encode(sample)) for sample in samples],
    )


def about(connection: sqlite3.Connection, policy_id: str) -> Sequence[ReplicaSample]:
    """The last report of every replica about a policy, by replica.

    Raises:
        Unavailable: A replica reports in a form that is not understood.
    """
    rows = connection.execute("SELECT replica, sample FROM evidence WHERE policy_id = ? ORDER BY replica", (policy_id,))
    return [_decode(replica, sample) for replica, sample in rows]


def forget_silent(connection: sqlite3.Connection, policy_id: str, *, step_id: str, now: datetime) -> None:
    """Drop what replicas that are long gone said about steps that are over."""
    rows = connection.execute("SELECT replica, at, sample FROM evidence WHERE policy_id = ?", (policy_id,)).fetchall()
    gone = [
        (policy_id, replica)
        for replica, at, sample in rows
        if from_rfc3339(at) < now - KEPT_AFTER_STEP and json.loads(sample).get("step_id") != step_id
    ]
    connection.executemany("DELETE FROM evidence WHERE policy_id = ? AND replica = ?", gone)


def _encode(sample: ReplicaSample) -> bytes:
    import orjson

    return orjson.dumps(sample, default=dict, option=orjson.OPT_UTC_Z)


def _decode(replica: str, stored: bytes) -> ReplicaSample:
    # A field that this release does not know may count drift that it would miss: such a report is refused whole.
    try:
        return _sample(json.loads(stored))
    except (LookupError, TypeError, ValueError, AttributeError, InvalidInput) as error:
        raise Unavailable(
            "registry.evidence_unreadable",
            f"Replica {replica} reports in a form that is not understood here",
            "Bring the verifiers and this capctl to the same release.",
        ) from error


def _sample(fields: dict[str, Any]) -> ReplicaSample:
    return ReplicaSample(
        **{
            **fields,
            "at": from_rfc3339(fields["at"]),
            "step": Counts(**fields["step"]),
            "step_traffic": _traffic(fields["step_traffic"]),
            "windows": {name: Counts(**counts) for name, counts in fields["windows"].items()},
            "recent": _traffic(fields["recent"]),
            "explained": tuple(Explanation(**item) for item in fields["explained"]),
        }
    )


def _traffic(fields: dict[str, Any]) -> Traffic:
    return Traffic(**{**fields, "latency": tuple(fields["latency"])})
