"""A registry of an older release: brought up to date where it may be written, and refused in words where not."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from engine.audit import AuditEvent
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.errors import Refused, Unavailable
from engine.ops import keyring
from engine.registry import SqliteStore
from engine.registry.schema import TABLES
from engine.settings import Settings
from tests.samples.stored import AT, make_ir

VERSION_1_HAD = 10
"""Tables; every later layout adds some at the end."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An environment whose registry has the layout of version 1, with a policy that was never signed."""
    settings = replace(Settings(), state_dir=tmp_path)
    store = SqliteStore(settings.store_path, ManualClock())
    store.publish(make_ir(), b"", at=AT, audit=AuditEvent("policy.publish", "done", "op-0"))
    store.close()
    with sqlite3.connect(settings.store_path) as connection:
        later = [statement.split()[2] for statement in TABLES if statement.startswith("CREATE TABLE")][VERSION_1_HAD:]
        for table in later:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    return settings


def test_what_an_older_release_kept_is_signed_when_the_keyring_is_made(settings: Settings) -> None:
    with open_context(settings, actor="oncall", environ={}) as ctx:
        assert [entry.policy_id for entry in ctx.store.policies()] == ["p.v1"]
        with pytest.raises(Refused) as refused:
            ctx.store.policy("p.v1")
        assert refused.value.code == "registry.not_signed"
        keyring.initialise(ctx, None)
        assert ctx.store.policy("p.v1") == make_ir()
        assert ctx.store.check() == []


def test_publishing_again_signs_what_was_never_signed(settings: Settings) -> None:
    """Even after the keyring was made: making it anew signs nothing a second time."""
    with open_context(settings, actor="oncall", environ={}) as ctx:
        keyring.initialise(ctx, None)
        ctx.store.close()
        with sqlite3.connect(settings.store_path) as connection:
            connection.execute("DELETE FROM entry")
        keyring.initialise(ctx, None)
        with pytest.raises(Refused):
            ctx.store.policy("p.v1")
        ctx.store.publish(make_ir(), b"", at=AT, audit=AuditEvent("policy.publish", "done", "op-0"))
        assert ctx.store.policy("p.v1") == make_ir()


def test_it_is_not_changed_by_who_may_only_look(settings: Settings) -> None:
    with open_context(settings, actor="oncall", read_only=True, environ={}) as ctx:
        with pytest.raises(Unavailable) as refused:
            ctx.store.policies()
        assert refused.value.code == "registry.older_version"
