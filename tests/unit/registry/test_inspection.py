"""The thorough look: what is wrong anywhere in the file is found and named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.errors import Unavailable
from engine.registry import SqliteStore
from tests.samples.stored import AT, first_state, make_change, make_event, make_ir, next_state

UNLOCK = [
    f"DROP TRIGGER {table}_keeps_every_row_{event}"
    for table in ("audit", "rollout_change")
    for event in ("update", "delete")
]
"""What somebody who means to forge history would do first."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "capctl.sqlite", ManualClock())
    store.publish(make_ir(), b"id: p.v1\n", at=AT, audit=make_event())
    store.keep(make_ir(minimum=2))
    store.import_set("mine", frozenset({"a", "b"}), at=AT, audit=make_event())
    for state in (first_state(), next_state(first_state())):
        audit = make_event("rollout.set", revision=state.revision)
        store.commit_rollout(make_change(state), expected_revision=state.revision - 1 or None, audit=audit)
    yield store
    store.close()


def alter(store: SqliteStore, *statements: str) -> None:
    connection = sqlite3.connect(store._database.path)
    connection.execute("PRAGMA foreign_keys = OFF")
    with connection:
        for statement in (*UNLOCK, *statements):
            connection.execute(statement)
    connection.close()


def test_a_sound_registry_has_nothing_wrong(store: SqliteStore) -> None:
    assert store.check() == []


def test_an_absent_registry_has_nothing_wrong(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "capctl.sqlite", ManualClock())
    assert store.check() == []
    assert not (tmp_path / "none").exists()


OTHER_IR = f"(SELECT digest FROM ir WHERE ir_hash = '{make_ir(minimum=2).ir_hash}')"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (f"UPDATE ir SET digest = {OTHER_IR}", f"what is stored as {make_ir().ir_hash} is not that IR"),
        (
            "UPDATE blob SET content = CAST('x' AS BLOB) WHERE digest = (SELECT source FROM policy)",
            "source of policy p.v1",
        ),
        ("UPDATE reference_set SET members = (SELECT source FROM policy)", "list mine"),
        ("UPDATE reference_set SET count = 3", "list mine"),
        ("UPDATE reference_set SET members = 'nowhere'", "a row of reference_set names a row of blob"),
        ("UPDATE rollout SET revision = 7", "a row of rollout names a row of rollout_change"),
        (
            "UPDATE rollout_change SET (state, evidence, audit_seq) ="
            " (SELECT state, evidence, audit_seq FROM rollout_change WHERE revision = 1)",
            "stored as another one",
        ),
        (
            "UPDATE rollout_change SET state = CAST('{}' AS BLOB) WHERE revision = 2",
            "revision 2 of the rollout of p.v1",
        ),
        ("UPDATE rollout_change SET audit_seq = 1 WHERE revision = 2", "not what its audit record says"),
        ("DELETE FROM audit WHERE seq = 4", "the chain ends before record 4"),
        ("UPDATE audit SET line = CAST(replace(line, 'op-0', 'op-1') AS BLOB) WHERE seq = 4", "not what record 4 was"),
        ("UPDATE audit SET line = CAST(replace(line, 'op-0', 'op-1') AS BLOB) WHERE seq = 2", "broken at line 3"),
    ],
)
def test_whatever_is_altered_is_named(store: SqliteStore, statement: str, problem: str) -> None:
    alter(store, statement)
    assert problem in "\n".join(store.check())


def test_a_damaged_page_is_named_once(store: SqliteStore) -> None:
    store.close()
    path = store._database.path
    with path.open("r+b") as file:
        file.seek(-4096, 2)
        file.write(b"\xa5" * 4096)
    try:
        [problem] = store.check()
    except Unavailable as error:
        problem = error.message
    assert "damaged" in problem


def test_a_rollout_that_was_altered_is_not_read(store: SqliteStore) -> None:
    """What is enforced must not change by a flipped bit, nor by somebody who writes 100 % past the gate."""
    alter(store, """UPDATE rollout_change SET state = CAST(replace(state, '2500', '2600') AS BLOB)""")
    for look in (lambda: store.rollout("p.v1"), store.rollouts):
        with pytest.raises(Unavailable, match="not what its audit record says"):
            look()
