"""A process that changes a store as fast as it can and says what it has been promised, until it is killed.

    python -m tests.crash.store_writer PATH SEED [CHANGES]

Each line on stdout is one acknowledged change: `rollout REVISION`, `policy ID`, `list ROOT` or `audit SEQ`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from engine.audit import AuditEvent
from engine.clock import SystemClock
from engine.errors import Conflict
from engine.registry import SqliteStore
from tests.samples.stored import AT, first_state, make_change, make_ir, make_sample, next_state

POLICY = "p.v1"


def change_rollout(store: SqliteStore) -> str:
    """Take the rollout one revision further, however often somebody else is faster."""
    while True:
        current = store.rollout(POLICY)
        state = first_state(POLICY) if current is None else next_state(current)
        audit = AuditEvent("rollout.set", "done", "op-0", object=POLICY, revision=state.revision)
        try:
            store.commit_rollout(make_change(state), expected_revision=current and current.revision, audit=audit)
        except Conflict:
            continue
        return f"rollout {state.revision}"


def change_something(store: SqliteStore, rng: random.Random) -> str:
    """One change of a random kind, acknowledged."""
    number = rng.getrandbits(48)
    match rng.choice(["rollout", "rollout", "policy", "list", "audit", "evidence"]):
        case "policy":
            audit = AuditEvent("policy.publish", "done", "op-0", object=f"q{number}")
            store.publish(make_ir(f"q{number}"), bytes(rng.randrange(20_000)), at=AT, audit=audit)
            return f"policy q{number}"
        case "list":
            members = frozenset(f"{number}-{member}" for member in range(rng.randrange(500)))
            audit = AuditEvent("lists.import", "done", "op-0")
            return f"list {store.import_set(f'l{number}', members, at=AT, audit=audit).root}"
        case "audit":
            return f"audit {store.append_audit(AuditEvent('test.note', 'done', 'op-0'), at=AT).seq}"
        case "evidence":
            # Promised to nobody; it is here to be interrupted.
            store.report_evidence([make_sample()])
    return change_rollout(store)


def main(path: Path, seed: int, changes: int | None) -> None:
    """Change the store, for ever or a number of times."""
    store = SqliteStore(path, SystemClock(), busy_timeout_s=30.0)
    rng = random.Random(seed)
    done = 0
    while changes is None or done < changes:
        acknowledged = change_rollout(store) if changes else change_something(store, rng)
        sys.stdout.write(acknowledged + "\n")
        sys.stdout.flush()
        done += 1
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
