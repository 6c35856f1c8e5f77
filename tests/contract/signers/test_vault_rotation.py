"""A whole rotation of the registry's key in a real OpenBao, which is killed before, between and in the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.errors import Held, NotFound, Unavailable
from engine.ops import keyring as keys
from engine.settings import Settings
from engine.trust.backends.vault import VaultBackend
from engine.trust.backends.vault_token import VARIABLE
from engine.trust.custody import custody_of
from engine.trust.dsse import signed_by
from engine.trust.keyring import Phase
from tests.contract.signers.vault_server import VaultServer, documented_policy
from tests.contract.signers.wire import relay

OpenContext = Callable[..., EngineContext]


@pytest.fixture
def settings(vault_server: VaultServer, tmp_path: Path) -> Settings:
    return replace(
        Settings(),
        env=vault_server.new_env(),
        state_dir=tmp_path / "state",
        vault_address=vault_server.url,
        key_announce_s=0,
        key_soak_s=0,
    )


@pytest.fixture
def open_ctx(settings: Settings, vault_server: VaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenContext]:
    """Opens one environment again and again, as one process after the other would, with a token of its own."""
    monkeypatch.setenv(VARIABLE, vault_server.token(documented_policy(settings.env)))
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    opened: list[EngineContext] = []

    def open_one(address: str = settings.vault_address) -> EngineContext:
        opened.append(open_context(replace(settings, vault_address=address), actor="oncall", clock=clock))
        return opened[-1]

    with open_one() as ctx:
        furnish(ctx)
    yield open_one
    for ctx in opened:
        ctx.close()


@pytest.fixture
def in_vault(settings: Settings, vault_server: VaultServer) -> VaultBackend:
    """What really lies in Vault, for whoever may see all of it."""
    return VaultBackend(settings, environ={VARIABLE: vault_server.root_token})


@contextmanager
def outage(server: VaultServer) -> Iterator[None]:
    """The server is dead meanwhile, and comes back with what it had."""
    server.kill()
    try:
        yield
    finally:
        server.start()


def statements(ctx: EngineContext) -> list[tuple[str, ...]]:
    """Who signed each statement of the registry; all of it is read and believed on the way."""
    for policy in ctx.store.policies():
        assert ctx.store.policy(policy.policy_id).ir_hash
    return [signed_by(entry.envelope, entry.kind) for entry in ctx.store.signed_entries()]


def test_a_rotation_survives_a_vault_that_dies_before_every_step(
    open_ctx: OpenContext, vault_server: VaultServer, in_vault: VaultBackend
) -> None:
    """No step is half done: it is refused and nothing has changed, and taken again it goes on."""
    ctx = open_ctx()
    for step in (
        lambda: keys.prepare(ctx, "registry", "vault"),
        lambda: keys.dual_accept(ctx, "registry"),
        lambda: keys.switch(ctx, "registry"),
    ):
        before = [bytes(ring) for ring in ctx.store.keyrings()]
        with outage(vault_server), pytest.raises(Unavailable):
            step()
        assert [bytes(ring) for ring in ctx.store.keyrings()] == before
        assert len(in_vault.refs()) == (0 if len(before) == 1 else 1), "no key is left that nobody knows"
        assert statements(open_ctx())
        step()
    keys.decommission(ctx, "registry", "")
    (ref,) = in_vault.refs()
    (key,) = (key for key in keys.list_keys(ctx).keys if key.backend_ref == ref)
    assert all(signatures[-1] == key.kid for signatures in statements(open_ctx()))
    assert keys.status(ctx, "registry").phase == Phase.DECOMMISSIONED


def test_a_vault_that_dies_while_the_registry_is_signed_again(
    open_ctx: OpenContext, settings: Settings, vault_server: VaultServer
) -> None:
    """The first signature of a switch tries the key out; the third is in the middle of the statements."""
    ctx = open_ctx()
    keys.prepare(ctx, "registry", "vault")
    keys.dual_accept(ctx, "registry")
    with relay(vault_server.port, vault_server.dies_at_signature(3)) as url:
        relayed = open_ctx(url)
        try:
            with pytest.raises(Unavailable):
                keys.switch(relayed, "registry")
        finally:
            vault_server.start()
        assert {len(signatures) for signatures in statements(open_ctx())} == {1}, "a batch is signed whole or not"
        status = keys.status(relayed, "registry")
        assert (status.phase, status.entries_left) == (Phase.SWITCHED, status.entries)
        assert keys.switch(relayed, "registry").entries_left == 0
    assert {len(signatures) for signatures in statements(open_ctx())} == {2}


def test_the_old_key_in_vault_is_destroyed_for_good(
    open_ctx: OpenContext, settings: Settings, in_vault: VaultBackend
) -> None:
    """From one key in Vault to the next: each rotation makes another key, none another version."""
    ctx = open_ctx()
    refs = []
    for _ in range(2):
        keys.prepare(ctx, "registry", "vault")
        keys.dual_accept(ctx, "registry")
        keys.switch(ctx, "registry")
        old = custody_of(ctx).backend("vault:").refs()
        keys.decommission(ctx, "registry", "")
        refs.append(custody_of(ctx).backend("vault:").refs())
    assert (len(refs[0]), len(old), len(refs[1])) == (1, 2, 1)
    assert set(old) == {*refs[0], *refs[1]}
    with pytest.raises(NotFound):
        in_vault.open(refs[0][0])
    furnish(open_ctx())
    assert statements(open_ctx())


def test_an_old_key_that_could_not_be_reached_is_destroyed_by_taking_the_step_again(
    open_ctx: OpenContext, vault_server: VaultServer, in_vault: VaultBackend
) -> None:
    """Its end is set whether Vault answers or not; that its private half lives on is told, not passed over."""
    ctx = open_ctx()
    for _ in range(2):
        keys.prepare(ctx, "registry", "vault")
        keys.dual_accept(ctx, "registry")
        keys.switch(ctx, "registry")
        if len(in_vault.refs()) == 1:
            keys.decommission(ctx, "registry", "")
    with outage(vault_server), pytest.raises(Unavailable, match="could not be destroyed: Vault cannot") as told:
        keys.decommission(ctx, "registry", "")
    assert "take the step again" in told.value.hint
    assert keys.status(ctx, "registry").phase == Phase.DECOMMISSIONED
    assert len(in_vault.refs()) == 2
    keys.decommission(ctx, "registry", "")
    assert len(in_vault.refs()) == 1
    with pytest.raises(Held):
        keys.decommission(ctx, "registry", "")


def test_keys_are_listed_although_vault_is_not_there(open_ctx: OpenContext, vault_server: VaultServer) -> None:
    """What could not be looked for is said, and never passes for not being there."""
    ctx = open_ctx()
    keys.initialise(ctx, None)
    keys.prepare(ctx, "registry", "vault")
    with outage(vault_server):
        listed = keys.list_keys(open_ctx(), everywhere=True)
    assert any(key.backend_ref.startswith("vault:") for key in listed.keys)
    assert (listed.orphans, listed.unasked) == ((), ("vault: Vault cannot be reached",))


def test_a_rotation_that_is_given_up_leaves_no_key_in_vault(open_ctx: OpenContext, in_vault: VaultBackend) -> None:
    ctx = open_ctx()
    keys.prepare(ctx, "registry", "vault")
    assert len(in_vault.refs()) == 1
    keys.abort(ctx, "registry")
    assert in_vault.refs() == []
