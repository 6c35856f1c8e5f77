"""How ready a release is, from what kubectl says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutover.target import Health, Resource
from engine.cutover.workloads import causes, images_of, resources_of

LABELS = {"app": "cap"}
OWNED = {"annotations": {"meta.helm.sh/release-name": "cap"}}


def deployment(*, replicas: int = 3, **status: Any) -> dict[str, Any]:
    full = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
    return {
        "kind": "Deployment",
        "metadata": {"name": "cap", "generation": 1, **OWNED},
        "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS}},
        "status": {**full, **status},
    }


def autoscaler(*, minimum: int, current: int, active: str = "True") -> dict[str, Any]:
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "cap", **OWNED},
        "spec": {"minReplicas": minimum, "scaleTargetRef": {"kind": "Deployment", "name": "cap"}},
        "status": {"currentReplicas": current, "conditions": [{"type": "ScalingActive", "status": active}]},
    }


def pod(*, reason: str = "", ready: bool = False, **metadata: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    container = {"name": "app", "image": "app:1", "ready": ready, "state": state, "imageID": "x://app@sha256:ab"}
    return {
        "kind": "Pod",
        "metadata": {"name": "cap-1", "labels": LABELS, **metadata},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


def the_deployment(*objects: dict[str, Any]) -> Resource:
    return next(item for item in resources_of(objects, "cap") if item.kind == "Deployment")


def test_a_deployment_needs_its_autoscalers_minimum() -> None:
    """One of one is ready where nobody asks for more, and waits where the HPA asks for three."""
    assert the_deployment(deployment(replicas=1)).health is Health.READY
    found = the_deployment(deployment(replicas=1), autoscaler(minimum=3, current=1))
    assert (found.ready, found.desired, found.health) == (1, 3, Health.WAITING)


def test_pods_of_the_old_template_do_not_count() -> None:
    """While three old pods serve and the one new one crashes, nothing of the new release is ready."""
    status = {"observedGeneration": 1, "replicas": 4, "updatedReplicas": 1, "readyReplicas": 3}
    found = the_deployment(deployment(replicas=3) | {"status": status}, pod(reason="CrashLoopBackOff"))
    assert (found.ready, found.health) == (0, Health.FAILED)
    assert found.cause == "its container starts and ends again and again: app:1 (CrashLoopBackOff)"


@given(
    desired=st.integers(0, 5),
    replicas=st.integers(0, 5),
    updated=st.integers(0, 5),
    ready=st.integers(0, 5),
    observed=st.integers(0, 3),
    minimum=st.integers(1, 5),
)
def test_ready_is_never_said_too_early(
    *, desired: int, replicas: int, updated: int, ready: int, observed: int, minimum: int
) -> None:
    """Whatever the counts: ready means observed, no pod of an older template, and as many as anybody asks for."""
    status = {"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready}
    item = deployment(replicas=desired) | {"status": status}
    found = the_deployment(item, autoscaler(minimum=minimum, current=replicas))
    if found.health is Health.READY:
        assert observed >= 1
        assert replicas == updated
        assert ready >= max(desired, minimum)


@pytest.mark.parametrize(
    ("active", "current", "health"),
    [("True", 3, Health.READY), ("False", 3, Health.DEGRADED), ("True", 1, Health.WAITING)],
)
def test_an_autoscaler(active: str, current: int, health: Health) -> None:
    """Blind is a limitation; too few is on its way."""
    found = resources_of([deployment(), autoscaler(minimum=3, current=current, active=active)], "cap")
    assert found[-1].health is health


def test_a_pod_that_leaves_says_nothing() -> None:
    """Neither a terminating pod nor one that was evicted stands in the way of ready."""
    leaving = pod(reason="CrashLoopBackOff", deletionTimestamp="2026-11-23T22:00:00Z")
    evicted = pod() | {"status": {"phase": "Failed"}}
    assert [item.kind for item in resources_of([deployment(), leaving, evicted], "cap")] == ["Deployment"]


def test_what_other_releases_own_is_left_out() -> None:
    assert resources_of([deployment()], "other") == ()


def test_a_refusal_of_pods_is_told_by_the_deployment_or_else_by_an_event() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota: a'}
    told = the_deployment(deployment(readyReplicas=0, conditions=[condition]))
    assert (told.health, told.cause) == (Health.FAILED, "its pods are refused: exceeded quota: a")
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"name": "cap-5d"},
        "type": "Warning",
        "message": "no volume\x1b[2J",
        "lastTimestamp": "2026-11-23T22:00:00Z",
    }
    assert the_deployment(deployment(readyReplicas=0), event).cause == "no volume [2J"


def test_each_cause_is_told_once_and_the_worst_first() -> None:
    """The pods of a Deployment repeat its cause."""
    found = resources_of([deployment(readyReplicas=0, updatedReplicas=3), pod(reason="ErrImagePull")], "cap")
    slow = Resource("Ingress", "cap", 0, 1, Health.WAITING, "no address")
    assert [item.place for item in causes((slow, *found))] == ["Deployment/cap", "Ingress/cap"]


def test_images_are_named_by_digest() -> None:
    assert images_of([pod(ready=True)]) == ("app@sha256:ab",)
