"""Whatever moment a rotation dies at: what was acknowledged stands, nothing stands twice, and nothing by halves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.audit import AuditEvent, verify_chain
from engine.context import EngineContext
from engine.ids import hash_bytes
from engine.ops import keyring
from engine.trust.custody import custody_of, open_signer
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import Keyring, KeyStatus
from tests.crash.rotation_zygote import environment, go_on, purposes_of
from tests.samples.stored import AT, make_ir

pytestmark = pytest.mark.crash

DEATHS = 500
LIVES_OF_AN_ENVIRONMENT = 25
"""An environment is killed this often before a new one is begun, so that no keyring grows without end."""
POLICIES = 40
LONGEST_LIFE_S = 0.16


class Zygote:
    """The process that forks workers."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.rotation_zygote", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def kill_one(self, task: str, name: str, life_s: float) -> None:
        """Let a worker live so long."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{task} {name}\n")
        stdin.flush()
        pid = int(stdout.readline())
        # Real time: the moment of death must not be one that the worker has a part in choosing.
        time.sleep(life_s)
        os.kill(pid, signal.SIGKILL)
        assert int(stdout.readline()) == -signal.SIGKILL

    def end(self) -> None:
        """Fork no more."""
        self._process.communicate()


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    zygote = Zygote(tmp_path)
    yield zygote
    zygote.end()


def furnish(state_dir: Path, policies: int) -> None:
    """Keys for everything, and policies to sign again."""
    with environment(state_dir) as ctx:
        for purpose in (KeyPurpose.RESPONSE, KeyPurpose.ORR):
            open_signer(ctx, purpose)
        for number in range(policies):
            event = AuditEvent("policy.publish", "done", "op-0", object=f"p{number}")
            ctx.store.publish(make_ir(f"p{number}"), b"", at=AT, audit=event)


def check(state_dir: Path, policies: int) -> int:
    """Check everything that a death may have left; how many versions the keyring has."""
    with environment(state_dir) as ctx:
        believed = custody_of(ctx).keeper.believed()
        assert believed is not None
        ring = believed.ring
        told = _audited(ctx)
        assert [evidence for _, evidence in told] == [hash_bytes(envelope) for envelope in ctx.store.keyrings()]
        assert [version for version, _ in told] == list(range(1, ring.version + 1))
        for purpose in KeyPurpose:
            signing = [key for key in ring.of(purpose) if key.status is KeyStatus.ACTIVE]
            assert len(signing) == (purpose is not KeyPurpose.TOKENS and bool(ring.of(purpose)))
            assert all(custody_of(ctx).open(key).sign(b"m") for key in signing)
        assert len({key.kid for key in ring.keys}) == len(ring.keys)
        check_told(ctx, ring)
        assert [ctx.store.policy(f"p{n}").policy_id for n in range(policies)] == [f"p{n}" for n in range(policies)]
        assert len(ctx.store.signed_entries()) == policies
        lost = [line for line in _acknowledged(state_dir) if int(line.split()[1]) > ring.version]
        assert lost == []
        return ring.version


def check_told(ctx: EngineContext, ring: Keyring) -> None:
    """No private key lies there that the keyring does not need and the list does not name, each for what it is."""
    listed = keyring.list_keys(ctx)
    needed = {key.backend_ref for key in ring.keys if key.accepts(custody_of(ctx).now()) or key.may_sign}
    lying = set(custody_of(ctx).backend("file:").refs())
    assert lying - needed == {*listed.orphans, *listed.undestroyed}
    named = {key.backend_ref for key in ring.keys}
    assert (set(listed.orphans) & named, set(listed.undestroyed) - named) == (set(), set())


def live_on(state_dir: Path, task: str) -> None:
    """Whoever goes on ends what was begun, and destroys whatever was left undestroyed."""
    with environment(state_dir) as ctx:
        for purpose in purposes_of(task):
            while not go_on(ctx, purpose).endswith("decommissioned"):
                pass
        assert keyring.list_keys(ctx).undestroyed == ()


def _audited(ctx: EngineContext) -> list[tuple[int | None, str]]:
    """Version and hash of every keyring that the audit trail tells of, oldest first."""
    assert list(verify_chain(ctx.store.audit_lines(), head=ctx.store.audit_head())) == []
    events = [record.event for record in reversed(ctx.store.audit_tail(limit=ctx.store.audit_head().seq))]
    return [(event.revision, event.evidence) for event in events if event.action.startswith("keys.")]


def _acknowledged(state_dir: Path) -> list[str]:
    """What workers were promised; each promise but once."""
    path = state_dir / "acknowledged"
    lines = path.read_text().splitlines() if path.exists() else []
    assert max(Counter(lines).values(), default=0) <= 1
    return lines


def survive(folder: Path, zygote: Zygote, task: str, *, deaths: int, seed: int) -> int:
    """Kill workers at random moments; how many deaths had moved the keyring on before them."""
    rng = random.Random(seed)
    policies = POLICIES if task == "resign" else 2
    grown = begun = 0
    for death in range(deaths):
        name = str(death // LIVES_OF_AN_ENVIRONMENT)
        if death % LIVES_OF_AN_ENVIRONMENT == 0:
            furnish(folder / name, policies)
            begun = check(folder / name, policies)
        zygote.kill_one(task, name, rng.random() * LONGEST_LIFE_S)
        grown += check(folder / name, policies) > begun
        if death + 1 == deaths or (death + 1) % LIVES_OF_AN_ENVIRONMENT == 0:
            live_on(folder / name, task)
    assert grown, "no worker got anywhere before it was killed"
    return grown


@pytest.mark.parametrize("task", ["rotate", "resign"])
def test_a_rotation_that_is_killed_loses_nothing(tmp_path: Path, zygote: Zygote, task: str) -> None:
    """Some random moments, for every run of the suite."""
    survive(tmp_path, zygote, task, deaths=10, seed=10)


@pytest.mark.slow
def test_a_rotation_that_is_killed_five_hundred_times_loses_nothing(
    tmp_path: Path, zygote: Zygote, record_property: Callable[[str, object], None]
) -> None:
    """0 acknowledged lost, 0 twice, 0 by halves."""
    grown = survive(tmp_path, zygote, "rotate", deaths=DEATHS, seed=500)
    record_property("tried", f"{DEATHS} kills, {grown} after a first step")


@pytest.mark.slow
def test_signing_again_that_is_killed_five_hundred_times_loses_nothing(
    tmp_path: Path, zygote: Zygote, record_property: Callable[[str, object], None]
) -> None:
    """Every policy stays signed and readable: by the old key, by the new one, or by both."""
    grown = survive(tmp_path, zygote, "resign", deaths=DEATHS, seed=500)
    record_property("tried", f"{DEATHS} kills, {grown} after a first step")
