"""Frozen moments of a release, from which the tests draw the Deploy screen. Every number is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.app import App

from capctl.tui.messages import Call, OperationDone, OperationFailed, OperationProgressed, OperationStarted
from engine.context import Progress
from engine.cutover.load_ledger import LoadSlot
from engine.cutover.smoke import SmokeCheck, SmokeReport
from engine.cutover.target import (
    Command,
    Difference,
    Health,
    Phase,
    ReleaseDiff,
    ReleaseStatus,
    Resource,
    Revision,
    UnderWay,
)
from engine.errors import Refused, Unavailable
from engine.ops import deploy_look
from engine.ops.catalogue import REGISTRY
from engine.ops.results.deploy import DeployPlan
from engine.ops.results.deploy_look import CanarySeen, DeployLook, LoadSeen, TrackSeen
from tests.tui import scenes

BEGUN = scenes.NOW - timedelta(minutes=20)
IMAGE = "registry.example/cap@sha256:" + "4be1" * 16


def revision(number: int, status: str = "superseded", *, minutes_ago: float = 60, description: str = "") -> Revision:
    """An entry of the history."""
    at = scenes.NOW - timedelta(minutes=minutes_ago)
    return Revision(number, status, at, "capctl-0.1.0", "0.1.0", description or "Upgrade complete")


def resource(kind: str, name: str, ready: int = 2, desired: int = 2, cause: str = "") -> Resource:
    """A resource, and how it is."""
    health = Health.READY if ready >= desired else Health.FAILED if cause else Health.WAITING
    return Resource(kind, name, ready, desired, health, cause)


def status(**changes: Any) -> ReleaseStatus:
    """A release of two tracks that serves."""
    found = ReleaseStatus(
        target="kubernetes",
        release="cap",
        place="stage-eu/cap",
        at=scenes.NOW,
        phase=Phase.DEPLOYED,
        explanation="Revision 4 is deployed.",
        resources=(
            resource("Deployment", "cap", 3, 3),
            resource("Deployment", "cap-canary", 1, 1),
            resource("HorizontalPodAutoscaler", "cap", 3, 3),
        ),
        images=(IMAGE,),
        history=(revision(4, "deployed", minutes_ago=20), revision(3), revision(2, "failed"), revision(1)),
        canary_percent=20,
    )
    return replace(found, **changes)


def look(**changes: Any) -> DeployLook:
    """It serves, and nobody has tried it out."""
    return replace(DeployLook(scenes.NOW, "kubernetes", status()), **changes)


def nothing() -> DeployLook:
    """It was never deployed."""
    absent = status(
        phase=Phase.ABSENT,
        explanation="It was never installed here.",
        way_out="capctl deploy apply",
        resources=(),
        images=(),
        history=(),
        canary_percent=None,
    )
    return look(status=absent)


def smoke(*, ok: bool = True) -> SmokeReport:
    """A smoke test of two requests."""
    checks = (
        SmokeCheck("healthz", "GET /healthz", 200, 0.004, ok=True, detail="alive"),
        SmokeCheck("readyz", "GET /readyz", 200 if ok else 503, 0.009, ok=ok, detail="ready" if ok else "expected 200"),
    )
    return SmokeReport(scenes.NOW - timedelta(minutes=9), "demo", "https://cap.example", checks)


def canary(answer: Any = "yes", **changes: Any) -> CanarySeen:
    """A watch that came to its verdict."""
    tracks = (TrackSeen("canary", 1, 3_204, 0, 0.021, 801, 0, 0), TrackSeen("stable", 3, 12_877, 0, 0.018, 3_219, 1, 0))
    at = scenes.NOW - timedelta(minutes=6)
    made = CanarySeen(at, answer, True, 900.0, 900.0, (), tracks, ("3 to 4 replicas",), 4, "prometheus")
    return replace(made, **changes)


def load(answer: Any = "yes", **changes: Any) -> LoadSeen:
    """A load test of a minute."""
    course = tuple(LoadSlot(float(at), 20, 0, 0.012, 0.02 + 0.002 * (at % 7) + 0.05 * (at == 31)) for at in range(60))
    quantiles = {"p50": 0.012, "p90": 0.028, "p95": 0.034, "p99": 0.061, "p999": 0.08, "max": 0.082}
    at = scenes.NOW - timedelta(minutes=3)
    made = LoadSeen(at, answer, (), 20.0, 60.0, 1_200, 0, quantiles, 0.6, 0.01, course, 1.0, (3, 4))
    return replace(made, **changes)


def healthy() -> DeployLook:
    """All three checks passed."""
    return look(smoke=smoke(), canary=canary(), load=load())


def smoke_failed() -> DeployLook:
    """The newest revision is not ready to be asked."""
    return look(smoke=smoke(ok=False))


def pending() -> DeployLook:
    """A helm was killed in the middle of an upgrade."""
    history = (revision(5, "pending-upgrade", minutes_ago=2, description="Preparing upgrade"), *status().history)
    words = "Revision 5 is pending-upgrade: apply by oncall was cut off at upgrade, helm with it."
    found = status(
        phase=Phase.INTERRUPTED,
        explanation=words,
        way_out="capctl deploy rollback 4",
        history=history,
        under_way=UnderWay("apply", "oncall", BEGUN, "upgrade", is_alive=False, from_revision=4),
    )
    return look(status=found)


def unreachable() -> DeployLook:
    """The cluster stopped answering; what was known is old."""
    error = Unavailable(
        "deploy.no_cluster",
        "No cluster answers under the kubeconfig in use",
        "Look at kubectl config current-context and at your network or VPN.",
    )
    return look(status=status(at=scenes.NOW - timedelta(seconds=95)), obstacle=error)


def plan(seen: DeployLook | None = None) -> DeployPlan:
    """What an apply would do now."""
    found = (seen or look()).status
    assert found is not None
    commands = (
        Command(("helm", "upgrade", "--install", "cap", "helm/", "--wait", "--timeout", "10m"), changes=True),
        Command(("kubectl", "-n", "cap", "get", "deploy,po,svc,ingress,hpa", "-o", "json")),
    )
    differences = (
        Difference("Deployment/cap", "spec.template.spec.containers[cap].image", "cap:0.1.0", "cap:0.2.0"),
        Difference("Deployment/cap-canary", "", None, "new"),
    )
    diff = ReleaseDiff(differences, "capctl-0.2.0", "sha3-256:" + "ab12" * 16, (IMAGE,), ("Deployment/cap",))
    return DeployPlan("demo", commands, diff, found)


APPLYING = (
    Progress("upgrade", 0, output="$ helm upgrade --install cap helm/ --wait --timeout 10m"),
    Progress("upgrade", 0, output='helm| Release "cap" has been upgraded. Happy Helming!'),
    Progress("Deployment/cap", 2, 3, "waiting"),
    Progress("Deployment/cap-canary", 1, 1, "ready"),
)


ROLLED_BACK = Refused(
    "deploy.rolled_back",
    "Revision 5 of cap did not come up: Deployment/cap: its image cannot be pulled; revision 4 serves again",
    "Correct the cause, then apply again.",
)


def carry_out(app: App[None], op_id: str, told: tuple[Progress, ...], *, ends: bool = True) -> None:
    """Put a run on the screen: a plan with its result, a change that is under way, or that was taken back."""
    call = Call(REGISTRY[op_id], {"target": "kubernetes"})
    app.post_message(OperationStarted(1, call))
    for progress in told:
        app.post_message(OperationProgressed(1, progress))
    if op_id == "deploy.plan":
        app.post_message(OperationDone(1, call, plan()))
    elif ends:
        app.post_message(OperationFailed(1, call, ROLLED_BACK))


def seen(monkeypatch: pytest.MonkeyPatch, moment: Callable[[], DeployLook]) -> None:
    """Let the screen see a moment."""
    monkeypatch.setattr(deploy_look, "look", lambda *_, **__: moment())
