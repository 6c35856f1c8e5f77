"""Drills drive the real verifier: what it answers before a backup and after a restore is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from engine.audit import AuditEvent
from engine.context import Progress
from engine.recovery import KeptBackup, drill_restore, open_backup, read_identities, restore_backup
from engine.recovery.backup import BackupMade
from engine.recovery.drill import REPORT_TYPE, compare
from engine.recovery.rehearsal import running_verifier
from engine.trust.dsse import unseal
from engine.verifier.auth import EmbeddedIssuer, Scope
from tests.unit.recovery.conftest import World


@contextmanager
def verifier_of(world: World) -> Iterator[httpx.Client]:
    """The live verifier, as an operator starts it."""
    command = [sys.executable, "-m", "engine.verifier", "--state", str(world.ctx.settings.state_dir)]
    process = subprocess.Popen(
        [*command, "--env", "demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        token = EmbeddedIssuer.open(world.ctx.settings, clock=world.ctx.clock).mint({Scope.POLICY_READ}, subject="t")
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=15)


def answers(client: httpx.Client, ids: list[str]) -> dict[str, tuple[str, str, bytes]]:
    """What a verifier says of policies: ir_hash, ETag, and the bytes themselves."""
    responses = {policy_id: client.get(f"/policy/{policy_id}") for policy_id in ids}
    assert {response.status_code for response in responses.values()} == {200}
    return {id: (got.json()["ir_hash"], got.headers["etag"], got.content) for id, got in responses.items()}


def test_restored_policy_has_identical_ir_hash_and_etag(world: World, tmp_path: Path) -> None:
    """Asked over HTTP, before the backup and after the restore into an empty directory; `/readyz` is 200."""
    ids = [entry.policy_id for entry in world.ctx.store.policies()]
    with verifier_of(world) as client:
        before = answers(client, ids)
    made = world.back_up(tmp_path / "b")
    opened = open_backup(made.archive, world.trust)
    namespace = tmp_path / "namespace"
    namespace.mkdir()
    restore_backup(world.ctx, opened, namespace / "restored", read_identities(world.identity_file))
    with running_verifier(world.ctx.settings, namespace / "restored", world.ctx.clock) as client:
        assert client.get("/readyz").status_code == 200
        after = answers(client, ids)
    assert after == before
    assert len(after) >= 2


def test_a_drill_measures_and_signs_what_it_found(world: World) -> None:
    """On a backup of its own: every policy equal, times that add up, steps told as they begin, nothing left behind."""
    told: list[Progress] = []
    with replace(world.ctx, emit=told.append) as ctx:
        report = drill_restore(ctx, world.signer)
    assert (report.answer, report.equal, report.ready_status) == ("yes", report.policies, 200)
    assert [step.name for step in report.steps] == ["backup", "open", "restore", "start", "compare"]
    assert report.rto_ms == sum(step.duration_ms for step in report.steps[1:]) > 0
    assert {"backup", "open", "restore", "start", "compare"} <= {progress.step for progress in told}
    key = world.signer.public_key
    signed = unseal(report.sealed(world.signer), REPORT_TYPE, {key.kid: key}).payload
    assert json.loads(signed) == report.to_json()
    assert [path.name for path in world.ctx.settings.state_dir.iterdir() if ".drill" in path.name] == []


def test_a_kept_backup_is_drilled_with_its_own_identity(world: World, kept: BackupMade) -> None:
    """And the recovery point is its age, not that of one made for the purpose."""
    world.ctx.store.append_audit(AuditEvent("test.act", "done", "op-0"), at=world.ctx.clock.now())
    report = drill_restore(world.ctx, world.signer, KeptBackup(kept.archive, world.identity_file, world.trust))
    assert report.answer == "yes"
    assert not report.is_fresh
    assert report.records_since >= 1
    assert report.rpo_s > 0


def test_a_policy_that_differs_is_named(kept: BackupMade) -> None:
    """No answer, another tag, and an answer that is no IR."""
    marks = kept.manifest.policies[:1]
    for response, problem in [
        (httpx.Response(404), "answers 404"),
        (httpx.Response(200, headers={"etag": '"other"'}), "entity tag"),
        (httpx.Response(200, headers={"etag": marks[0].etag}, content=b"{}"), "not an IR"),
    ]:
        transport = httpx.MockTransport(lambda _, answer=response: answer)
        with httpx.Client(transport=transport, base_url="http://verifier") as client:
            [found] = compare(client, marks)
        assert found.policy_id == marks[0].policy_id
        assert problem in found.problem


@pytest.mark.slow
def test_twenty_drills_restore_every_policy(world: World, record_property: Callable[[str, object], None]) -> None:
    """Each with a verifier process of its own, on a backup of its own."""
    reports = [drill_restore(world.ctx, world.signer) for _ in range(20)]
    assert {(report.answer, report.equal - report.policies) for report in reports} == {("yes", 0)}
    record_property("tried", f"{len(reports)} drills, {sum(report.equal for report in reports)} policies equal")
