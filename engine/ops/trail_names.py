"""What the registry's private tables say about audit records: who a pseudonym is, and the reason behind a hash."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from engine.audit import AuditRecord
from engine.errors import EngineError
from engine.ids import hash_bytes

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ports import Store

ANY: Final = 2**31
"""More changes than a rollout will ever have."""


class Names(dict[str, str]):
    """Names by pseudonym, each looked up once.

    Args:
        store: Who knows them.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def __missing__(self, pseudonym: str) -> str:
        self[pseudonym] = name = self._store.actor_name(pseudonym)
        return name


def reasons_of(ctx: EngineContext, records: Iterable[AuditRecord], *, most: int = ANY) -> dict[str, str]:
    """The reasons behind the hashes in some records, as far as the rollouts' histories tell them.

    Args:
        ctx: Whose registry.
        records: Which ones.
        most: Changes of a rollout that are looked through, the latest.
    """
    reasons = {"": ""}
    oldest: dict[str, int] = {}
    for record in records:
        event = record.event
        if event.reason and event.object and event.revision is not None:
            oldest[event.object] = min(event.revision, oldest.get(event.object, event.revision))
    for policy_id, revision in oldest.items():
        # The trail of a registry that is damaged elsewhere is what an auditor wants to see most.
        with suppress(EngineError):
            reasons |= _given(ctx, policy_id, revision, most)
    return reasons


def _given(ctx: EngineContext, policy_id: str, since_revision: int, most: int) -> dict[str, str]:
    """The reasons that were given for a rollout's changes, by their hash."""
    current = ctx.store.rollout(policy_id)
    count = min(most, current.revision - since_revision + 1) if current else 0
    changes = ctx.store.rollout_history(policy_id, limit=count) if count > 0 else ()
    return {hash_bytes(change.state.reason.encode()): change.state.reason for change in changes}
