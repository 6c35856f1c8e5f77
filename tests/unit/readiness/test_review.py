"""The review: what counts as a yes, for how long, and what a signature over it is worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError, Held, InvalidInput, Refused
from engine.readiness.codec import read_review, write_review
from engine.readiness.items import Attestation, Checklist, Item, Probe, Severity, load_checklist, parse_checklist
from engine.readiness.review import (
    FINDING_LASTS,
    Answer,
    Evidence,
    Finding,
    ItemState,
    Review,
    Standing,
    Waiver,
    judge,
)
from engine.readiness.statement import World, changes_since, read_statement, require_valid, sign_review
from engine.trust.signer import KeySigner

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CHECKLIST = load_checklist()
LEAD = KeySigner(Ed25519PrivateKey.from_private_bytes(b"l" * 32))
KEYS = {LEAD.public_key.kid: LEAD.public_key}
WORLD = World(
    "prod", "cap@sha256:" + "0" * 64, "sha3-256:" + "1" * 64, {"lksg.v1": "sha3-256:" + "2" * 64}, 3, 10, "aa", "head"
)
PROOF = (Evidence("proof.txt", "sha3-256:" + "3" * 64, 5),)


def passed(at: datetime = NOW) -> Finding:
    return Finding(Answer.PASSED, "found", at, "sha3-256:" + "4" * 64)


def complete() -> Review:
    """A review in which every item is met."""
    review = Review("prod")
    for item in CHECKLIST.items:
        if isinstance(item.check, Attestation):
            review = review.with_attestation(item, by="op-1", evidence=PROOF, at=NOW)
    return review.with_findings({item.id: passed() for item in CHECKLIST.items if isinstance(item.check, Probe)})


def states(review: Review, now: datetime = NOW) -> dict[str, ItemState]:
    return {state.item.id: state for state in judge(CHECKLIST, review, now)}


def signed(review: Review | None = None) -> bytes:
    judged = judge(CHECKLIST, review or complete(), NOW)
    return sign_review(CHECKLIST, judged, WORLD, LEAD, at=NOW, until=NOW + DAY)


def changes(review: Review, world: World = WORLD, *, now: datetime = NOW, is_longer: bool = True) -> tuple[str, ...]:
    statement = read_statement(signed(), KEYS)
    judged = judge(CHECKLIST, review, now)
    return changes_since(
        statement, CHECKLIST, judged, world, now=now, leads_to=lambda mark: is_longer and mark.size == 10
    )


def an_item(kind: type[Probe] | type[Attestation], severity: Severity = Severity.HIGH) -> Item:
    return next(item for item in CHECKLIST.items if isinstance(item.check, kind) and item.severity is severity)


def test_every_area_that_was_asked_for_has_items() -> None:
    assert list(CHECKLIST.areas) == ["infrastructure", "security", "observability", "runbooks"]
    assert all(any(item.area == area for item in CHECKLIST.items) for area in CHECKLIST.areas)


def test_nobody_having_looked_is_no_yes() -> None:
    assert all(state.standing is Standing.OPEN for state in states(Review("prod")).values())


@pytest.mark.parametrize("answer", [Answer.FAILED, Answer.UNKNOWN])
def test_only_a_yes_is_a_yes(answer: Answer) -> None:
    item = an_item(Probe)
    state = states(complete().with_findings({item.id: replace(passed(), answer=answer)}))[item.id]
    assert state.blocks


def test_a_finding_grows_old_and_is_not_from_the_future() -> None:
    item = an_item(Probe)
    assert states(complete(), NOW + FINDING_LASTS)[item.id].standing is Standing.EXPIRED
    assert states(complete(), NOW - timedelta(seconds=1))[item.id].standing is Standing.EXPIRED


def test_an_attestation_expires_at_the_instant() -> None:
    item = an_item(Attestation)
    assert isinstance(item.check, Attestation)
    end = NOW + timedelta(days=item.check.valid_days)
    assert states(complete(), end - timedelta(seconds=1))[item.id].standing is Standing.ATTESTED
    assert states(complete(), end)[item.id].standing is Standing.EXPIRED


def test_a_persons_word_does_not_stand_in_for_a_probe() -> None:
    with pytest.raises(InvalidInput, match="probe"):
        Review("prod").with_attestation(an_item(Probe), by="op-1", evidence=PROOF, at=NOW)


def test_an_attestation_needs_evidence() -> None:
    with pytest.raises(InvalidInput, match="evidence"):
        Review("prod").with_attestation(an_item(Attestation), by="op-1", evidence=(), at=NOW)


@pytest.mark.parametrize(
    ("waiver", "error"),
    [
        (Waiver("op-1", "op-1", "vendor is late", NOW, NOW + DAY), Held),
        (Waiver("op-1", "", "vendor is late", NOW, NOW + DAY), Held),
        (Waiver("op-1", "op-2", " ", NOW, NOW + DAY), InvalidInput),
        (Waiver("op-1", "op-2", "vendor is late", NOW, NOW), InvalidInput),
        (Waiver("op-1", "op-2", "vendor is late", NOW, NOW + 31 * DAY), InvalidInput),
    ],
)
def test_a_waiver_takes_two_people_a_reason_and_an_end(waiver: Waiver, error: type[EngineError]) -> None:
    with pytest.raises(error):
        Review("prod").with_waiver(an_item(Probe), waiver)


def test_a_waived_item_blocks_again_when_the_waiver_ends() -> None:
    item = an_item(Probe)
    review = complete().with_findings({item.id: replace(passed(), answer=Answer.FAILED)})
    review = review.with_waiver(item, Waiver("op-1", "op-2", "vendor is late", NOW, NOW + DAY))
    assert not states(review)[item.id].blocks
    assert states(review, NOW + DAY)[item.id].standing is Standing.EXPIRED
    assert states(review, NOW + DAY)[item.id].blocks


@given(
    st.dictionaries(
        st.sampled_from([item.id for item in CHECKLIST.items]),
        st.builds(
            Finding, st.sampled_from(Answer), st.text(max_size=20), st.just(NOW), st.just("sha3-256:" + "5" * 64)
        ),
    )
)
def test_a_review_is_read_as_it_was_written(findings: dict[str, Finding]) -> None:
    review = complete().with_findings(findings)
    assert read_review(write_review(review)) == review


def test_signing_is_held_by_one_open_item_of_high_severity() -> None:
    item = an_item(Probe)
    with pytest.raises(Held, match=item.id):
        signed(complete().with_findings({item.id: replace(passed(), answer=Answer.UNKNOWN)}))


def test_an_open_item_of_lower_severity_is_said_and_does_not_block() -> None:
    item = an_item(Attestation, Severity.MEDIUM)
    review = complete()
    review = replace(review, attestations={key: one for key, one in review.attestations.items() if key != item.id})
    statement = read_statement(signed(review), KEYS)
    assert {"id": item.id, "standing": "open", "evidence": []} in statement.items


def test_a_signature_holds_while_nothing_changes() -> None:
    assert changes(complete()) == ()


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (replace(WORLD, image="cap@sha256:" + "9" * 64), "the image"),
        (replace(WORLD, chart=""), "the chart is unknown"),
        (replace(WORLD, env="prod-eu"), "the environment"),
        (replace(WORLD, keyring_version=4), "the keyring's version is 4 and was 3"),
        (replace(WORLD, policies={}), "the policy lksg.v1 is gone"),
        (replace(WORLD, policies={"lksg.v1": "sha3-256:" + "8" * 64}), "the policy lksg.v1 has another IR"),
        (replace(WORLD, policies={**WORLD.policies, "new.v1": "x"}), "the policy new.v1 was added"),
    ],
)
def test_anything_bound_that_changes_voids_it_by_name(world: World, said: str) -> None:
    with pytest.raises(Refused, match=said):
        require_valid(changes(complete(), world))


def test_it_ends_at_its_end_and_a_clock_set_back_does_not_help() -> None:
    assert "expired" in changes(complete(), now=NOW + DAY)[0]
    assert "future" in changes(complete(), now=NOW - timedelta(seconds=1))[0]


def test_a_trail_that_was_rewritten_or_cut_voids_it() -> None:
    assert changes(complete(), is_longer=False) == ("the audit trail is not the one it was signed over",)


def test_other_evidence_voids_it_and_the_same_answer_again_does_not() -> None:
    attested, probed = an_item(Attestation), an_item(Probe)
    other = (Evidence("other.txt", "sha3-256:" + "7" * 64, 1),)
    shown = complete().with_attestation(attested, by="op-1", evidence=other, at=NOW)
    assert changes(shown) == (f"{attested.id} rests on other evidence",)
    again = complete().with_findings({probed.id: replace(passed(), evidence="sha3-256:" + "6" * 64)})
    assert changes(again) == ()


def test_an_answer_that_is_no_longer_a_yes_voids_it() -> None:
    item = an_item(Probe)
    assert changes(complete().with_findings({item.id: replace(passed(), answer=Answer.FAILED)})) == (
        f"{item.id} is failed",
    )


def test_another_checklist_voids_it() -> None:
    other = Checklist(CHECKLIST.items, CHECKLIST.areas, (*CHECKLIST.sources, b"#"))
    statement = read_statement(signed(), KEYS)
    judged = judge(other, complete(), NOW)
    assert changes_since(statement, other, judged, WORLD, now=NOW, leads_to=lambda _: True) == (
        "the checklist is another one",
    )


def test_a_key_for_something_else_signs_no_review() -> None:
    stranger = KeySigner(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
    judged = judge(CHECKLIST, complete(), NOW)
    envelope = sign_review(CHECKLIST, judged, WORLD, stranger, at=NOW, until=NOW + DAY)
    with pytest.raises(Refused):
        read_statement(envelope, KEYS)


@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_signed_review_edited_by_hand_is_refused(position: int, bit: int) -> None:
    envelope = bytearray(signed())
    envelope[position % len(envelope)] ^= 1 << bit
    with pytest.raises(EngineError):
        read_statement(bytes(envelope), KEYS)


@pytest.mark.parametrize("until", [NOW, NOW + 15 * DAY])
def test_a_signature_has_an_end_in_reach(until: datetime) -> None:
    with pytest.raises(InvalidInput):
        sign_review(CHECKLIST, judge(CHECKLIST, complete(), NOW), WORLD, LEAD, at=NOW, until=until)


@pytest.mark.parametrize(
    "item",
    [
        "{id: a.b, title: t, severity: high, owner: o, why: w}",
        "{id: a.b, title: t, severity: grave, owner: o, why: w, attest: {evidence: e, valid_days: 1}}",
        "{id: A, title: t, severity: high, owner: o, why: w, attest: {evidence: e, valid_days: 1}}",
        "{id: a.b, title: t, severity: high, owner: o, why: w, attest: {evidence: e, valid_days: 1000}}",
        "{id: a.b, title: t, severity: high, owner: o, why: w, probe: {oracle: {equals: 1}}}",
        "{id: a.b, title: t, severity: high, owner: o, why: w, probe: {http: {path: /, equals: 1, present: true}}}",
        "{id: a.b, title: t, severity: high, owner: o, why: w, probe: {file: {path: /, matches: '('}}}",
        "{id: a.b, title: t, severity: high, owner: o, why: w, probe: {file: {path: /, colour: red, equals: a}}}",
    ],
)
def test_an_item_that_is_spelt_wrong_is_refused_with_its_place(item: str) -> None:
    source = f"area: a\ntitle: A\nitems:\n  - {item}\n".encode()
    with pytest.raises(InvalidInput, match=r"mine\.yaml"):
        parse_checklist([("mine.yaml", source)])
