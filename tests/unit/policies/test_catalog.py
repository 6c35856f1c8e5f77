"""What can be had by name without having been published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.errors import NotFound, Unavailable
from engine.policies import shipped, shipped_lists
from engine.policies.catalog import Catalog
from engine.policy import parse_reference_list
from engine.registry import SqliteStore
from tests.samples.stored import AT, make_event, make_ir


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store", ManualClock())
    yield store
    store.close()


@pytest.fixture
def catalog(store: SqliteStore) -> Catalog:
    return Catalog(store, store)


@pytest.mark.parametrize("policy_id", shipped())
def test_a_fresh_machine_has_every_shipped_policy(catalog: Catalog, policy_id: str) -> None:
    assert catalog.policy(policy_id).policy_id == policy_id


def test_what_is_published_goes_before_what_is_shipped(catalog: Catalog, store: SqliteStore) -> None:
    store.publish(make_ir("lksg.v1"), b"", at=AT, audit=make_event())
    assert catalog.policy("lksg.v1") == make_ir("lksg.v1")


def test_a_policy_that_is_neither_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.v1"):
        catalog.policy("nowhere.v1")


def test_a_broken_store_is_not_hidden_behind_what_is_shipped(tmp_path: Path) -> None:
    """Otherwise a damaged registry would silently be replaced by demonstration policies."""
    (tmp_path / "store").mkdir()
    store = SqliteStore(tmp_path / "store", ManualClock())
    with pytest.raises(Unavailable):
        Catalog(store, store).policy("lksg.v1")


def test_sets_are_found_by_root_whether_imported_or_shipped(catalog: Catalog, store: SqliteStore) -> None:
    imported = store.import_set("mine", frozenset({"a", "b"}), at=AT, audit=make_event())
    sets = catalog.reference_sets()
    assert sets[imported.root] == frozenset({"a", "b"})
    for data in shipped_lists().values():
        entry = parse_reference_list(data)
        assert sets[entry.root] == entry.members
    assert len(sets) == len(set(sets)) == 1 + len(shipped_lists())
    assert sets.get("sha3-256:" + "0" * 64) is None


def test_a_set_is_read_when_it_is_first_asked_for_and_kept(store: SqliteStore) -> None:
    reads: list[str] = []

    class CountingStore(SqliteStore):
        def reference_set(self, root: str) -> frozenset[str]:
            reads.append(root)
            return super().reference_set(root)

    root = store.import_set("mine", frozenset({"a"}), at=AT, audit=make_event()).root
    counting = CountingStore(store._database.path, ManualClock())
    sets = Catalog(counting, counting).reference_sets()
    assert reads == []
    assert sets[root] is sets[root]
    assert reads == [root]
    counting.close()
