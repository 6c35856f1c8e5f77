"""How the objects of a release are, from what kubectl says of them. Pure.

helm's `--wait` ends with the first ready pod where an HPA owns the number of replicas, and calls a rollback done while
the bad pods are still ending. So readiness is judged here: every pod that should be there, of the newest template and
none of an older one, as many as the HPA's minimum asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.cutover.complaints import short
from engine.cutover.target import Health, Resource

Object = Mapping[str, Any]

RELEASE_ANNOTATION: Final = "meta.helm.sh/release-name"
CANARY_WEIGHT: Final = "nginx.ingress.kubernetes.io/canary-weight"
WORKLOADS: Final = ("Deployment", "StatefulSet")
HOPELESS: Final = {
    "ImagePullBackOff": "its image cannot be pulled",
    "ErrImagePull": "its image cannot be pulled",
    "InvalidImageName": "the name of its image is malformed",
    "CreateContainerConfigError": "a Secret or ConfigMap it needs is missing",
    "CreateContainerError": "its container cannot be made",
    "RunContainerError": "its container cannot be started",
    "CrashLoopBackOff": "its container starts and ends again and again",
}
"""What a container waits for, that waiting does not cure (kubelet's reasons)."""
RANK: Final = (Health.FAILED, Health.WAITING, Health.DEGRADED, Health.READY)


def resources_of(objects: Iterable[Object], release: str) -> tuple[Resource, ...]:
    """Every object of a release as an operator wants to see it, in kubectl's order.

    Args:
        objects: Deployments, StatefulSets, pods, services, ingresses, autoscalers; others are used for causes only.
        release: The release's name; what other releases own is left out.
    """
    everything = list(objects)
    owned = [item for item in everything if _annotation(item) == release]
    scalers = {_target(item): item for item in owned if item["kind"] == "HorizontalPodAutoscaler"}
    workloads = [item for item in owned if item["kind"] in WORKLOADS]
    pods = [item for item in everything if item["kind"] == "Pod" and any(_selects(owner, item) for owner in workloads)]
    shown = [_pod(item) for item in pods if not _is_leaving(item)]
    found = [_workload(item, scalers.get((item["kind"], _name(item))), pods, everything) for item in workloads]
    rest = [_passive(item) for item in owned if item["kind"] in ("Service", "Ingress")]
    return (*found, *shown, *rest, *(_autoscaler(item) for item in scalers.values()))


def images_of(objects: Iterable[Object]) -> tuple[str, ...]:
    """The images that run, by digest where the node has told it."""
    statuses = (
        status for item in objects if item["kind"] == "Pod" for status in item["status"].get("containerStatuses", ())
    )
    found = {str(status.get("imageID") or status["image"]).rpartition("://")[2] for status in statuses}
    return tuple(sorted(found))


def canary_percent(objects: Iterable[Object], release: str) -> int | None:
    """The share of the requests that ingress-nginx sends to the release's canary; None where it has none."""
    for item in objects:
        weight = (item["metadata"].get("annotations") or {}).get(CANARY_WEIGHT, "")
        if item["kind"] == "Ingress" and _annotation(item) == release and str(weight).isdecimal():
            return int(weight)
    return None


def causes(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """What stands in the way, the worst first; each cause once, by the workload that tells it rather than its pods."""
    troubled = sorted((item for item in resources if item.cause), key=lambda item: RANK.index(item.health))
    told = {item.cause: item for item in reversed(troubled)}
    return tuple(item for item in troubled if told[item.cause] is item)


def _workload(item: Object, scaler: Object | None, pods: list[Object], everything: list[Object]) -> Resource:
    status, spec = item.get("status", {}), item["spec"]
    minimum = int(scaler["spec"].get("minReplicas", 1)) if scaler else 0
    desired = max(int(spec.get("replicas", 1)), minimum)
    replicas, updated = int(status.get("replicas", 0)), int(status.get("updatedReplicas", 0))
    observed = int(status.get("observedGeneration", 0)) >= int(item["metadata"].get("generation", 0))
    # The pods of older templates are ready as well while the new ones come up: they do not count.
    ready = max(0, int(status.get("readyReplicas", 0)) - max(0, replicas - updated)) if observed else 0
    if ready >= desired and replicas == updated:
        return _resource(item, ready, desired, Health.READY)
    health, cause = _obstacle(item, [pod for pod in pods if _selects(item, pod)], everything)
    return _resource(item, min(ready, desired), desired, health, cause)


def _obstacle(item: Object, pods: list[Object], everything: list[Object]) -> tuple[Health, str]:
    """Why a workload is not ready: what it says itself, else its pods, else the last warning about either."""
    conditions = {entry["type"]: entry for entry in item.get("status", {}).get("conditions", ())}
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return Health.FAILED, f"its pods are refused: {short(failure.get('message', '')).rpartition('forbidden: ')[2]}"
    for pod in pods:
        health, cause = _pod_health(pod)
        if cause and not _is_leaving(pod):
            return health, cause
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return Health.FAILED, "it made no progress within its deadline"
    return Health.WAITING, _last_warning(_name(item), everything)


def _last_warning(name: str, everything: list[Object]) -> str:
    warnings = [
        item
        for item in everything
        if item["kind"] == "Event"
        and item.get("type") == "Warning"
        and str(item["involvedObject"].get("name", "")).startswith(name)
    ]
    newest = max(warnings, key=lambda item: str(item.get("lastTimestamp") or ""), default={})
    return short(str(newest.get("message", "")))


def _pod(item: Object) -> Resource:
    statuses = item["status"].get("containerStatuses", ())
    ready = sum(bool(status.get("ready")) for status in statuses)
    desired = max(len(item["spec"].get("containers", ())), 1)
    health, cause = _pod_health(item)
    return _resource(item, ready, desired, Health.READY if ready >= desired else health, cause)


def _pod_health(item: Object) -> tuple[Health, str]:
    status = item["status"]
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        reason = container.get("state", {}).get("waiting", {}).get("reason", "")
        if reason in HOPELESS:
            return Health.FAILED, f"{HOPELESS[reason]}: {container.get('image', '')} ({reason})"
    scheduled: Object = next((entry for entry in status.get("conditions", ()) if entry["type"] == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        return Health.WAITING, f"no node takes it: {short(scheduled.get('message', ''))}"
    return Health.WAITING, ""


def _autoscaler(item: Object) -> Resource:
    status, minimum = item.get("status", {}), int(item["spec"].get("minReplicas", 1))
    current = int(status.get("currentReplicas", 0))
    active = next((entry for entry in status.get("conditions", ()) if entry["type"] == "ScalingActive"), None)
    if active is None or current < minimum:
        return _resource(item, current, minimum, Health.WAITING)
    if active["status"] != "True":
        cause = f"it has no metrics and cannot scale: {short(active.get('message', ''))}"
        return _resource(item, current, minimum, Health.DEGRADED, cause)
    return _resource(item, current, minimum, Health.READY)


def _passive(item: Object) -> Resource:
    """A Service or an Ingress: it is there, and a load balancer that was asked for has an address."""
    waits = item["spec"].get("type") == "LoadBalancer" and not item.get("status", {}).get("loadBalancer", {}).get(
        "ingress"
    )
    cause = "its load balancer has no address yet" if waits else ""
    return _resource(item, 0 if waits else 1, 1, Health.WAITING if waits else Health.READY, cause)


def _resource(item: Object, ready: int, desired: int, health: Health, cause: str = "") -> Resource:
    return Resource(str(item["kind"]), _name(item), ready, desired, health, cause)


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])


def _annotation(item: Object) -> str:
    return str((item["metadata"].get("annotations") or {}).get(RELEASE_ANNOTATION, ""))


def _target(scaler: Object) -> tuple[str, str]:
    reference = scaler["spec"]["scaleTargetRef"]
    return str(reference["kind"]), str(reference["name"])


def _selects(workload: Object, pod: Object) -> bool:
    wanted = workload["spec"]["selector"].get("matchLabels", {})
    return bool(wanted.items() <= (pod["metadata"].get("labels") or {}).items())


def _is_leaving(pod: Object) -> bool:
    """Whether a pod is going, or gone: it says nothing of how the release is."""
    return "deletionTimestamp" in pod["metadata"] or pod["status"].get("phase") in ("Succeeded", "Failed")
