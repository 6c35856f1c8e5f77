"""What the store does with its statements: signs them when something is stored, checks them when it is loaded.

Without a sealer nothing is signed and nothing refused; the composition root always plugs one in. In a rehearsal nothing
is signed either: what will be undone is nobody's statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from engine.errors import Refused
from engine.ports import EntrySealer, PublishedPolicy, ReferenceSetEntry
from engine.registry import entries, policies, reference_sets


class Sealing:
    """Signs and checks in one connection.

    Args:
        connection: Of the store; in a transaction where something is signed.
        sealer: Who signs and checks; None: nobody.
        rehearsing: Whether what is stored will be undone.
    """

    def __init__(self, connection: sqlite3.Connection, sealer: EntrySealer | None, *, rehearsing: bool) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rehearsing = rehearsing

    def sign_policy(self, entry: PublishedPolicy) -> None:
        """Sign what a policy id stands for."""
        self._sign(entries.POLICY, entry.policy_id, self._about_policy(entry))

    def check_policy(self, entry: PublishedPolicy) -> None:
        """Refuse a policy that is not what was signed. Raises Refused."""
        self._check(entries.POLICY, entry.policy_id, self._about_policy(entry))

    def sign_list(self, entry: ReferenceSetEntry, digest: str) -> None:
        """Sign which members a root stands for."""
        self._sign(entries.REFERENCE_SET, entry.root, entries.about_list(entry.root, entry.count, digest))

    def check_list(self, root: str, count: int, digest: str) -> None:
        """Refuse a list that is not what was signed. Raises Refused."""
        self._check(entries.REFERENCE_SET, root, entries.about_list(root, count, digest))

    def holds_policy(self, entry: PublishedPolicy) -> bool:
        """Whether a policy is what was signed."""
        try:
            self.check_policy(entry)
        except Refused:
            return False
        return True

    def holds_list(self, entry: ReferenceSetEntry, digest: str) -> bool:
        """Whether a list is what was signed."""
        try:
            self.check_list(entry.root, entry.count, digest)
        except Refused:
            return False
        return True

    def sign_unsigned(self) -> int:
        """Sign everything that was stored before there were keys; how many things that were."""
        signed = 0
        for policy in policies.everything_published(self._connection):
            if entries.stored(self._connection, entries.POLICY, policy.policy_id) is None:
                self.sign_policy(policy)
                signed += 1
        for listed, digest in self._unsigned_lists():
            self.sign_list(listed, digest)
            signed += 1
        return signed

    def _unsigned_lists(self) -> Iterator[tuple[ReferenceSetEntry, str]]:
        for listed in reference_sets.everything_listed(self._connection):
            if entries.stored(self._connection, entries.REFERENCE_SET, listed.root) is None:
                yield listed, reference_sets.digest(self._connection, listed.root)

    def _about_policy(self, entry: PublishedPolicy) -> Mapping[str, object]:
        return entries.about_policy(entry, policies.ir_size(self._connection, entry.ir_hash))

    def _sign(self, kind: str, subject: str, about: Mapping[str, object]) -> None:
        if self._sealer is not None and not self._rehearsing:
            entries.put(self._connection, self._sealer, kind, subject, about)

    def _check(self, kind: str, subject: str, about: Mapping[str, object]) -> None:
        if self._sealer is None:
            return
        stored = entries.stored(self._connection, kind, subject)
        if stored is None and self._rehearsing:
            return
        entries.check(self._sealer, stored, kind, subject, about)
