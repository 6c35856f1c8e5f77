"""What controllers do in a real cluster, at once: ReplicaSets and pods of Deployments, replicas of HPAs, status of all.

How pods fare is written in the tag of their image, so that a test breaks a release by its values and a rollback mends
it: `app:1` comes up, `app:crash` does not.
"""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from typing import Any

from tests.contract.kubernetes.catalogue import by_kind
from tests.contract.kubernetes.objects import Object, Objects, rfc3339

NOT_READY = {
    "crash": ("CrashLoopBackOff", "back-off 10s restarting failed container"),
    "nopull": ("ImagePullBackOff", 'Back-off pulling image "registry.invalid/app:nopull"'),
    "slow": ("", ""),
}
"""Pods that start and never become ready, by tag: why their container waits."""
NOT_CREATED = {
    "insecure": 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    "quota": "exceeded quota: compute, requested: limits.cpu=4, used: limits.cpu=8, limited: limits.cpu=10",
}
"""Pods that admission forbids, by tag."""


class Controllers:
    """The controllers of one cluster.

    Args:
        objects: Of that cluster.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.metrics = True
        """Whether autoscalers ever get metrics."""
        self.blind_looks = 2
        """How often an autoscaler is looked at before it has its first metrics."""
        self._looks: dict[str, int] = {}

    def admit(self, item: Object) -> str:
        """Why an admission webhook refuses an object; empty when none does."""
        images = _images(item) if item["kind"] == "Deployment" else []
        refused = any(image.endswith(":denied") for image in images)
        return 'admission webhook "images.policy.invalid" denied the request: not signed' if refused else ""

    def settle(self, item: Object) -> None:
        """React to an object that was written."""
        match item["kind"]:
            case "Deployment":
                self._deploy(item)
            case "Service":
                item["spec"].setdefault("clusterIP", "10.0.0.10")
                item["spec"].setdefault("type", "ClusterIP")
            case "PersistentVolumeClaim":
                item["status"] = {"phase": "Bound"}
            case "Job":
                item["status"] = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
            case "HorizontalPodAutoscaler":
                item.setdefault("status", _hpa_status(item, current=0, active=False))

    def looked_at(self, autoscaler: Object) -> None:
        """An autoscaler was listed: its next synchronisation comes nearer."""
        uid, spec = autoscaler["metadata"]["uid"], autoscaler["spec"]
        self._looks[uid] = self._looks.get(uid, 0) + 1
        namespace, name = autoscaler["metadata"]["namespace"], spec["scaleTargetRef"]["name"]
        deployment = self._objects.get(by_kind("Deployment"), namespace, name)
        if deployment is None or self._looks[uid] <= self.blind_looks:
            return
        replicas = max(deployment["spec"]["replicas"], spec.get("minReplicas", 1))
        if replicas != deployment["spec"]["replicas"]:
            deployment["spec"]["replicas"] = replicas
            deployment["metadata"]["generation"] += 1
            self._deploy(deployment)
        autoscaler["status"] = _hpa_status(autoscaler, current=replicas, active=self.metrics)

    def _deploy(self, deployment: Object) -> None:
        spec, metadata = deployment["spec"], deployment["metadata"]
        spec.setdefault("replicas", 1)
        spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        current = self._replica_set(deployment)
        older = [item for item in self._objects.owned_by(metadata["uid"]) if item is not current]
        fate = next((image.rpartition(":")[2] for image in _images(deployment)), "")
        served = sum(item["status"].get("readyReplicas", 0) for item in older)
        if fate in NOT_CREATED:
            self._scale(current, 0, fate)
        elif fate in NOT_READY:
            self._scale(current, 1 if served else spec["replicas"], fate)
        else:
            self._scale(current, spec["replicas"], fate)
            for item in older:
                self._scale(item, 0, fate)
        deployment["status"] = _deployment_status(deployment, current, older, fate)

    def _replica_set(self, deployment: Object) -> Object:
        metadata, template = deployment["metadata"], deepcopy(deployment["spec"]["template"])
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        name, labels = (
            f"{metadata['name']}-{digest}",
            {**template["metadata"].get("labels", {}), "pod-template-hash": digest},
        )
        if found := self._objects.get(by_kind("ReplicaSet"), metadata["namespace"], name):
            return found
        template["metadata"]["labels"] = labels
        return self._objects.put(
            {
                "kind": "ReplicaSet",
                "metadata": _owned(deployment, name, labels),
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
                "status": {},
            }
        )

    def _scale(self, replica_set: Object, replicas: int, fate: str) -> None:
        pods = [item for item in self._objects.owned_by(replica_set["metadata"]["uid"]) if item["kind"] == "Pod"]
        for pod in pods[replicas:]:
            self._objects.remove(pod)
        for number in range(len(pods), replicas):
            self._objects.put(_pod(replica_set, f"{replica_set['metadata']['name']}-{number}", fate))
        replica_set["spec"]["replicas"] = replicas
        ready = 0 if fate in NOT_READY else replicas
        counts = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready}
        replica_set["status"] = {**counts, "observedGeneration": replica_set["metadata"]["generation"]}
        if fate in NOT_CREATED:
            message = f'pods "{replica_set["metadata"]["name"]}-x" is forbidden: {NOT_CREATED[fate]}'
            replica_set["status"]["conditions"] = [_condition("ReplicaFailure", "True", "FailedCreate", message)]
            self._objects.put(_event(replica_set, "FailedCreate", f"Error creating: {message}"))


def _images(workload: Object) -> list[str]:
    return [container["image"] for container in workload["spec"]["template"]["spec"]["containers"]]


def _owned(owner: Object, name: str, labels: dict[str, str]) -> Object:
    reference = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    reference |= {"apiVersion": owner["apiVersion"], "controller": True}
    namespace = owner["metadata"]["namespace"]
    return {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [reference]}


def _condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": rfc3339()}


def _pod(replica_set: Object, name: str, fate: str) -> Object:
    spec, ready = replica_set["spec"]["template"]["spec"], fate not in NOT_READY
    reason, message = NOT_READY.get(fate, ("", ""))
    waits = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"docker-pullable://{container['image'].rpartition(':')[0]}@sha256:{'ab' * 32}",
            "ready": ready,
            "restartCount": 3 if reason == "CrashLoopBackOff" else 0,
            "state": waits,
        }
        for container in spec["containers"]
    ]
    conditions = [_condition("PodScheduled", "True", ""), _condition("Ready", "True" if ready else "False", "")]
    return {
        "kind": "Pod",
        "metadata": _owned(replica_set, name, replica_set["spec"]["template"]["metadata"]["labels"]),
        "spec": spec,
        "status": {
            "phase": "Pending" if reason == "ImagePullBackOff" else "Running",
            "conditions": conditions,
            "containerStatuses": containers,
        },
    }


def _event(about: Object, reason: str, message: str) -> Object:
    metadata = about["metadata"]
    involved = {"kind": about["kind"], "name": metadata["name"], "namespace": metadata["namespace"]}
    name = f"{metadata['name']}.{metadata['resourceVersion']}"
    return {
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": involved,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": rfc3339(),
    }


def _deployment_status(deployment: Object, current: Object, older: list[Object], fate: str) -> dict[str, Any]:
    updated, ready = current["status"]["replicas"], current["status"]["readyReplicas"]
    old_ready = sum(item["status"].get("readyReplicas", 0) for item in older)
    available, desired = ready + old_ready, deployment["spec"]["replicas"]
    conditions = [
        _condition("Available", str(available >= desired), "MinimumReplicasAvailable"),
        _condition("Progressing", "True", "NewReplicaSetAvailable" if ready >= desired else "ReplicaSetUpdated"),
        *current["status"].get("conditions", ()),
    ]
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": updated + sum(item["status"].get("replicas", 0) for item in older),
        "updatedReplicas": updated,
        "readyReplicas": available,
        "availableReplicas": available,
        # The real one leaves out a count of nothing.
        **({"unavailableReplicas": desired - available} if desired > available else {}),
        "conditions": conditions,
    }


def _hpa_status(autoscaler: Object, *, current: int, active: bool) -> dict[str, Any]:
    blind = _condition("ScalingActive", "False", "FailedGetResourceMetric", "unable to get metrics for resource cpu")
    seen = _condition("ScalingActive", "True", "ValidMetricFound")
    counts = {"currentReplicas": current, "desiredReplicas": current}
    utilization = {"name": "cpu", "current": {"averageUtilization": 20, "averageValue": "50m"}}
    metrics = [{"type": "Resource", "resource": utilization}] if active else None
    conditions = [_condition("AbleToScale", "True", ""), seen if active else blind]
    return {**counts, "currentMetrics": metrics, "conditions": conditions}
