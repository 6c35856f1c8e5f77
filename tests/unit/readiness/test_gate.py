"""What a signature opens, and what closes it again: through the commands, on a real registry, with real keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.audit import EMPTY, EMPTY_TREE, AuditEvent, leaf_hash, read_record, seal, verify_chain
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.errors import Conflict, Held, Unavailable
from engine.ids import hash_bytes
from engine.ops import reviewing
from engine.ops.view import rollout_service
from engine.readiness.probing import Observed
from engine.readiness.review import Answer
from engine.readiness.reviews import Kept, commit_review, load_review
from engine.registry import audit_log
from engine.trust.custody import custody_of
from engine.trust.keyfile import KeyPurpose
from tests.samples.stored import make_event, make_ir
from tests.unit.readiness.signed_world import complete, find, open_prod, promote


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineContext]:
    """Production with one policy and a key for the tech lead, in a folder without a chart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAPCTL_KEY_PASSPHRASE", "for-tests")
    with open_prod(tmp_path / "state") as ctx:
        yield ctx


def advance(ctx: EngineContext, days: float) -> None:
    assert isinstance(ctx.clock, ManualClock)
    ctx.clock.advance(days * 86_400)


def test_production_is_held_before_and_open_after_the_signature(prod: EngineContext, tmp_path: Path) -> None:
    with pytest.raises(Held, match="nobody has signed it"):
        promote(prod)
    complete(prod, tmp_path)
    with pytest.raises(Held, match="nobody has signed it"):
        promote(prod)
    assert reviewing.sign_review(prod, 7).answer == "yes"
    promote(prod)
    find(prod)
    promote(prod)


def test_the_service_of_every_surface_asks_for_the_signature(prod: EngineContext) -> None:
    """It is plugged in where the service is built, not where it is used."""
    service = rollout_service(prod)
    assert service._readiness is prod.readiness is not None


def test_another_policy_closes_it_by_name(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    prod.store.publish(make_ir("other.v1"), b"id: other.v1\n", at=prod.clock.now(), audit=make_event())
    with pytest.raises(Held, match=r"the policy other\.v1 was added"):
        promote(prod)


def test_a_failing_item_closes_it_by_name(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    find(prod, Answer.FAILED, "sec.mtls")
    with pytest.raises(Held, match=r"sec\.mtls is failed"):
        promote(prod)


def test_its_end_closes_it(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 2)
    advance(prod, 2)
    find(prod)
    with pytest.raises(Held, match="it expired"):
        promote(prod)


def test_a_new_keyring_closes_it(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    custody_of(prod).enrol([KeyPurpose.BACKUP])
    with pytest.raises(Held, match="the keyring's version is 2 and was 1"):
        promote(prod)


def test_a_chart_that_appears_closes_it(prod: EngineContext, tmp_path: Path) -> None:
    """What was signed without a chart was not signed for this one."""
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    (tmp_path / "helm").mkdir()
    (tmp_path / "helm" / "Chart.yaml").write_text("name: cap\nappVersion: '1'\n")
    (tmp_path / "helm" / "values.yaml").write_text("image: {repository: cap}\n")
    with pytest.raises(Held, match=r"the chart is sha3-256:.* and was unknown"):
        promote(prod)


def test_a_review_edited_in_the_database_is_refused(prod: EngineContext, tmp_path: Path) -> None:
    """Also where the edit is well-formed: the audit trail says what was committed."""
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    with sqlite3.connect(prod.settings.store_path) as database:
        edited = database.execute("UPDATE review SET document = replace(CAST(document AS TEXT), 'seen', 'fine')")
        assert edited.rowcount == 1
    with pytest.raises(Unavailable, match="not what its audit record says"):
        promote(prod)
    assert any("readiness review" in problem for problem in prod.store.check())


def test_the_second_of_two_changes_is_a_conflict(prod: EngineContext) -> None:
    before = load_review(prod.store, prod.env)
    find(prod)
    with pytest.raises(Conflict, match="revision 1"):
        commit_review(
            prod.store, before, Kept(before.review.signed()), action="orr.sign", actor="op-0", at=prod.clock.now()
        )


def test_a_signature_from_a_file_is_read_like_the_kept_one(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    document = reviewing.sign_review(prod, 7).document
    (tmp_path / "orr.json").write_bytes(document)
    assert reviewing.verify_signature(prod, str(tmp_path / "orr.json")).answer == "yes"
    (tmp_path / "orr.json").write_bytes(document.replace(b'"sig":"', b'"sig":"A', 1))
    assert reviewing.verify_signature(prod, str(tmp_path / "orr.json")).answer == "no"


def test_nobody_approves_their_own_waiver(prod: EngineContext) -> None:
    """However the name is spelt, and where the pseudonym is given instead of it."""
    for approver in ("", "oncall", " OnCall ", prod.store.pseudonym("oncall")):
        with pytest.raises(Held, match="second person"):
            reviewing.waive_item(prod, "sec.mtls", reason="late", approver=approver, until="", days=3)
    shown = reviewing.waive_item(prod, "sec.mtls", reason="late", approver="second", until="", days=3)
    assert shown.states[0].standing.value == "waived"


def test_evidence_is_kept_by_its_hash_for_its_owner_alone(prod: EngineContext, tmp_path: Path) -> None:
    (tmp_path / "rota.txt").write_text("two people")
    shown = reviewing.attest_item(prod, "ops.on-call", [str(tmp_path / "rota.txt")])
    attested = shown.states[0].attested
    assert attested is not None
    kept = prod.settings.state_dir / "orr" / "evidence" / attested.evidence[0].hash.partition(":")[2]
    assert kept.read_text() == "two people"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_check_keeps_what_the_probes_found(prod: EngineContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only of the area that was named; what it found blocks until it is met."""
    monkeypatch.setattr("engine.ops.probes.observers_of", lambda *_, **__: {"setting": lambda _: Observed([], "none")})
    checked = reviewing.check_items(prod, ["security"], base="", ca_file="", client_certificate="")
    assert checked.answer == "no"
    found = load_review(prod.store, prod.env).review.findings
    assert found["sec.mtls"].answer is Answer.FAILED
    assert found["sec.anonymous"].answer is Answer.UNKNOWN
    assert "obs.audit" not in found


def test_what_was_signed_is_in_the_audit_trail(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    event: AuditEvent = next(record.event for record in prod.store.audit_tail() if record.event.action == "orr.sign")
    assert (event.object, event.outcome, event.revision) == (
        "prod",
        "done",
        load_review(prod.store, "prod").review.revision,
    )
    assert event.evidence.startswith("sha3-256:")


def test_a_signature_ends_within_a_fortnight(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    signed = reviewing.sign_review(prod, 14).signature.statement
    assert signed is not None
    assert signed.valid_until - signed.signed_at == timedelta(days=14)


def grow(ctx: EngineContext, records: int) -> None:
    """Let much happen, in one transaction."""
    store: Any = ctx.store
    with store._database.write() as connection:
        for _ in range(records):
            audit_log.append(connection, make_event(), at=ctx.clock.now())


def steps_of_a_promotion(ctx: EngineContext) -> int:
    """How many instructions the database runs for the question whether production may go forward."""
    store: Any = ctx.store
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with store._database.read() as connection:
        connection.set_progress_handler(count, 1)
        try:
            promote(ctx)
        finally:
            connection.set_progress_handler(None, 0)
    return steps


def test_a_promotion_costs_no_more_the_longer_the_trail_is(prod: EngineContext, tmp_path: Path) -> None:
    """Neither with what was recorded before the signature nor with what came after it."""
    complete(prod, tmp_path)
    grow(prod, 1_500)
    reviewing.sign_review(prod, 7)
    short = steps_of_a_promotion(prod)
    grow(prod, 6_000)
    assert steps_of_a_promotion(prod) == short
    reviewing.sign_review(prod, 7)
    assert steps_of_a_promotion(prod) == short


def rewrite(ctx: EngineContext, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Let somebody who owns the file make another trail of it, with an end that fits."""
    lines = change([line for _, line in ctx.store.audit_numbered()])
    grown = EMPTY_TREE
    for line in lines:
        grown = grown.append(leaf_hash(line))
    with sqlite3.connect(ctx.settings.store_path) as database:
        database.execute("DROP TRIGGER audit_keeps_every_row_update")
        database.execute("DROP TRIGGER audit_keeps_every_row_delete")
        database.execute("DELETE FROM audit WHERE seq > ?", (len(lines),))
        database.executemany(
            "UPDATE audit SET line = ? WHERE seq = ?", [(line, seq) for seq, line in enumerate(lines, 1)]
        )
        told = {"audit_seq": len(lines), "audit_hash": hash_bytes(lines[-1]), "audit_tree": grown.to_bytes()}
        database.executemany("UPDATE meta SET value = ? WHERE name = ?", [(told[name], name) for name in told])


def chained_anew(at: int) -> Callable[[list[bytes]], list[bytes]]:
    """Another event in one place, and everything after it sealed again, so that the trail is sound in itself."""

    def change(lines: list[bytes]) -> list[bytes]:
        head, made = EMPTY, []
        for position, line in enumerate(lines):
            record = read_record(line)
            event = replace(record.event, actor="op-somebodyelse") if position == at else record.event
            record, head = seal(event, at=record.at, head=head)
            made.append(record.line())
        assert not list(verify_chain(made))
        return made

    return change


@pytest.mark.parametrize("at", [0, 700, 1_500])
def test_a_trail_that_was_rewritten_closes_it_however_long_it_is(prod: EngineContext, tmp_path: Path, at: int) -> None:
    """Sound in itself, far before what is looked at: the last line that was signed over is another one then."""
    complete(prod, tmp_path)
    grow(prod, 2_000)
    reviewing.sign_review(prod, 7)
    grow(prod, 2_000)
    rewrite(prod, chained_anew(at))
    with pytest.raises(Held, match="the audit trail is not the one it was signed over"):
        promote(prod)


def test_a_trail_that_was_cut_closes_it(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    grow(prod, 100)
    reviewing.sign_review(prod, 7)
    signed = reviewing.verify_signature(prod, "").signature.statement
    assert signed is not None
    rewrite(prod, lambda lines: lines[: signed.world.trail_size - 1])
    with pytest.raises((Held, Unavailable), match="audit"):
        promote(prod)


def test_a_single_line_far_back_is_found_by_reading_everything(prod: EngineContext, tmp_path: Path) -> None:
    """The trail is broken there in itself. A promotion looks at the latest thousand, `orr verify` at all of them."""
    grow(prod, 1_500)
    complete(prod, tmp_path)
    reviewing.sign_review(prod, 7)
    rewrite(prod, lambda lines: [line.replace(b"done", b"held") if at == 10 else line for at, line in enumerate(lines)])
    promote(prod)
    shown = reviewing.verify_signature(prod, "")
    assert shown.answer == "no"
    assert shown.signature.objections == ("the audit trail is not the one it was signed over",)
    assert prod.store.check()


def test_a_single_line_of_the_latest_thousand_closes_it(prod: EngineContext, tmp_path: Path) -> None:
    complete(prod, tmp_path)
    grow(prod, 1_500)
    reviewing.sign_review(prod, 7)
    rewrite(
        prod, lambda lines: [line.replace(b"done", b"held") if at == 900 else line for at, line in enumerate(lines)]
    )
    with pytest.raises(Held, match="the audit trail is not the one it was signed over"):
        promote(prod)
