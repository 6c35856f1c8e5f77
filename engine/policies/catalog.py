"""What can be had by name without having been published: the store first, then what is shipped with capctl.

A fresh machine can therefore `adapt --policy lksg.v1`. Shipped reference lists are found by their root, like imported
ones: a root is a commitment to the members, so it makes no difference where they come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from engine.errors import NotFound
from engine.policy.ir import PolicyIR
from engine.ports import PolicyStore, ReferenceSetStore


class Catalog:
    """Policies and reference sets, stored or shipped.

    Args:
        policies: Where published policies are.
        lists: Where imported reference sets are.
    """

    def __init__(self, policies: PolicyStore, lists: ReferenceSetStore) -> None:
        self._policies = policies
        self._lists = lists

    def policy(self, policy_id: str) -> PolicyIR:
        """The published IR of a policy, else the shipped one.

        Raises:
            NotFound: It is neither published nor shipped.
        """
        try:
            return self._policies.policy(policy_id)
        except NotFound:
            shipped = shipped_policy(policy_id)
            if shipped is None:
                raise
            return shipped

    def reference_sets(self) -> Mapping[str, frozenset[str]]:
        """Every reference set by its root; a set is loaded when it is first asked for, and kept."""
        return ReferenceSets(self._lists)


def shipped_policy(policy_id: str) -> PolicyIR | None:
    """The policy of that id that comes with capctl, compiled; None when there is none."""
    from engine.policies import shipped
    from engine.policy import compile_policy, lint

    source = shipped().get(policy_id)
    if source is None:
        return None
    document = lint(source, file=f"{policy_id}.yaml").document
    if document is None:
        raise ValueError(f"the shipped policy {policy_id} does not compile")
    return compile_policy(document)


class ReferenceSets(Mapping[str, frozenset[str]]):
    """Members by root, loaded on first use. Not safe for several threads at once.

    Args:
        store: Where imported sets are.
    """

    def __init__(self, store: ReferenceSetStore) -> None:
        self._store = store
        self._loaded: dict[str, frozenset[str]] = {}

    def __getitem__(self, root: str) -> frozenset[str]:
        members = self._loaded.get(root)
        if members is None:
            members = self._loaded[root] = self._load(root)
        return members

    def __iter__(self) -> Iterator[str]:
        stored = [entry.root for entry in self._store.reference_sets()]
        return iter(dict.fromkeys([*stored, *self._shipped]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, root: str) -> frozenset[str]:
        try:
            return self._store.reference_set(root)
        except NotFound:
            return self._shipped[root]

    @cached_property
    def _shipped(self) -> Mapping[str, frozenset[str]]:
        from engine.policies import shipped_lists
        from engine.policy import parse_reference_list

        lists = map(parse_reference_list, shipped_lists().values())
        return {entry.root: entry.members for entry in lists}
