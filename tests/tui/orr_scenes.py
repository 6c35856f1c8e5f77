"""Frozen moments of a readiness review, from which the tests draw the ORR screen. Every answer is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from textual.app import App

from capctl.tui.messages import Call, OperationProgressed, OperationStarted
from engine.context import Progress
from engine.ops import orr_look
from engine.ops.catalogue import REGISTRY
from engine.ops.results.orr import ShownReview
from engine.ops.results.orr_look import OrrLook, SigningKey
from engine.readiness import load_checklist
from engine.readiness.items import Attestation, Severity
from engine.readiness.review import Answer, Attested, Evidence, Finding, Review, Waiver, judge
from engine.readiness.signing import Signature
from engine.readiness.statement import Statement, World
from tests.tui import scenes

CHECKLIST: Final = load_checklist()
NAMES: Final = {"actor:1": "oncall", "actor:2": "second"}
KEY: Final = SigningKey("Hq3WnBkzTz0vXk5qzj8mJ1dYcV7rLw2sPpUeAaGgNnI", "file", needs_passphrase=True)

WORLD: Final = World(
    env="demo",
    image="ghcr.io/example/capctl@sha256:" + "4be1a90c" * 8,
    chart="sha3-256:" + "ab12cd34" * 8,
    policies={"lksg.v1": "sha3-256:" + "3fa9d210" * 8, "lksg-sap.v1": "sha3-256:" + "7c1e04bb" * 8},
    keyring_version=3,
    trail_size=1_204,
    trail_root="12abf00d" * 8,
    trail_head="sha3-256:" + "7" * 64,
)

FAILED: Final[Mapping[str, str]] = {
    "infra.limits": "Deployment/cap: containers.cap.resources.limits is absent; wanted: present",
    "sec.tls-expiry": "valid for 12 days; wanted: at least 30",
    "obs.drift": "the query gives nothing; wanted: present",
}
"""Items whose probes found what they should not, and what."""


def finding(item_id: str, hours_ago: float = 2.0) -> Finding:
    """What a probe said."""
    detail = FAILED.get(item_id)
    answer = Answer.FAILED if detail else Answer.PASSED
    at = scenes.NOW - timedelta(hours=hours_ago)
    return Finding(answer, detail or "as it should be", at, "sha3-256:" + "cd34ab12" * 8)


def attested(days: float = 30.0) -> Attested:
    """A word that was given yesterday."""
    at = scenes.NOW - timedelta(days=1)
    shown = Evidence("oncall-rota.pdf", "sha3-256:" + "55aa33cc" * 8, 48_201)
    return Attested("actor:1", at, scenes.NOW + timedelta(days=days), (shown,))


def waiver() -> Waiver:
    """Two people go without an item for two more days."""
    at, until = scenes.NOW - timedelta(days=1), scenes.NOW + timedelta(days=2)
    return Waiver("actor:1", "actor:2", "the certificate is renewed on Monday", at, until)


def review(**changes: Any) -> Review:
    """Every probe has answered, every word of high severity is given."""
    items = CHECKLIST.items
    words = [item for item in items if isinstance(item.check, Attestation)]
    full = Review(
        "demo",
        revision=17,
        findings={item.id: finding(item.id) for item in items if item not in words},
        attestations={item.id: attested() for item in words if item.severity is Severity.HIGH},
    )
    return replace(full, **changes)


def look(found: Review, signature: Signature | None = None, key: SigningKey | None = KEY) -> OrrLook:
    """A look at a review."""
    states = judge(CHECKLIST, found, scenes.NOW)
    blocking = tuple(state.item.id for state in states if state.blocks)
    held = signature or Signature(None, ("nobody has signed it",))
    areas = dict(CHECKLIST.areas)
    shown = ShownReview("demo", found.revision, scenes.NOW, areas, states, blocking, held, NAMES)
    return OrrLook(shown, signature is not None, WORLD, "sha3-256:" + "0" * 64, key, makes_key=True)


def nothing() -> OrrLook:
    """Nobody has begun."""
    return look(Review("demo"), key=None)


def begun() -> OrrLook:
    """Some probes failed, one could not be asked, a word is missing and another has run out."""
    unknown = replace(finding("obs.scraped"), answer=Answer.UNKNOWN, detail="Prometheus does not answer")
    words = {**review().attestations, "ops.on-call": attested(-0.5)}
    del words["obs.dashboard"]
    return look(review(findings={**review().findings, "obs.scraped": unknown}, attestations=words))


def failing() -> OrrLook:
    """What is left is for those who can mend it."""
    return look(review())


def ready() -> OrrLook:
    """Nothing blocks: two were mended, one was waived."""
    mended = {item: replace(found, answer=Answer.PASSED, detail="mended") for item, found in review().findings.items()}
    mended["sec.tls-expiry"] = review().findings["sec.tls-expiry"]
    return look(review(findings=mended, waivers={"sec.tls-expiry": waiver()}))


def signed(*objections: str, days: float = 5.0) -> OrrLook:
    """The tech lead has signed."""
    before = ready()
    items = tuple({"id": state.item.id} for state in before.review.states)
    at, until = scenes.NOW - timedelta(hours=1), scenes.NOW + timedelta(days=days)
    statement = Statement(CHECKLIST.hash, items, WORLD, at, until, KEY.kid)
    mended = Review("demo", 18, *(_parts(before)))
    return look(mended, Signature(statement, objections))


def ending() -> OrrLook:
    """The signature ends within the evening."""
    return signed(days=0.2)


def invalid() -> OrrLook:
    """The chart and a policy are not those that were signed for."""
    chart = f"the chart is sha3-256:{'99ee88dd' * 8} and was {WORLD.chart}"
    return signed(chart, "the policy lksg.v1 has another IR", "sec.tls-expiry is failed")


def _parts(seen: OrrLook) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    states = seen.review.states
    return (
        {state.item.id: state.finding for state in states if state.finding},
        {state.item.id: state.attested for state in states if state.attested},
        {state.item.id: state.waiver for state in states if state.waiver},
    )


ASKING: Final = (
    Progress("probes", 0, 35),
    Progress("probes", 23, 35, "obs.alerts: passed"),
)


def carry_out(app: App[None], told: tuple[Progress, ...]) -> None:
    """Put a round of probes on the screen that has not ended."""
    app.post_message(OperationStarted(1, Call(REGISTRY["orr.check"], {})))
    for progress in told:
        app.post_message(OperationProgressed(1, progress))


def seen(monkeypatch: pytest.MonkeyPatch, moment: Callable[[], OrrLook]) -> None:
    """Let the screen see a moment."""
    monkeypatch.setattr(orr_look, "look", lambda *_: moment())
