"""The resource types that the fake API server knows, and the documents in which a real one describes them."""

from __future__ import annotations

from typing import Any, NamedTuple


class Type(NamedTuple):
    """A resource type."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of its group and version, without a slash in front."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.version}"

    @property
    def qualified(self) -> str:
        """`deployments.apps`, as errors and access reviews call it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


TYPES = (
    Type("", "v1", "namespaces", "Namespace", ("ns",), namespaced=False),
    Type("", "v1", "pods", "Pod", ("po",)),
    Type("", "v1", "services", "Service", ("svc",)),
    Type("", "v1", "secrets", "Secret"),
    Type("", "v1", "configmaps", "ConfigMap", ("cm",)),
    Type("", "v1", "events", "Event", ("ev",)),
    Type("", "v1", "serviceaccounts", "ServiceAccount", ("sa",)),
    Type("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", ("pvc",)),
    Type("apps", "v1", "deployments", "Deployment", ("deploy",)),
    Type("apps", "v1", "replicasets", "ReplicaSet", ("rs",)),
    Type("apps", "v1", "statefulsets", "StatefulSet", ("sts",)),
    Type("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",)),
    Type("batch", "v1", "cronjobs", "CronJob", ("cj",)),
    Type("batch", "v1", "jobs", "Job"),
    Type("networking.k8s.io", "v1", "ingresses", "Ingress", ("ing",)),
    Type("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", ("netpol",)),
    Type("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", ("pdb",)),
    Type("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False),
)
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.3", "platform": "linux/amd64"}


def by_path(root: str, plural: str) -> Type | None:
    """The type behind a path."""
    return next((found for found in TYPES if (found.root, found.plural) == (root, plural)), None)


def by_kind(kind: str) -> Type:
    """The type of a kind."""
    return next(found for found in TYPES if found.kind == kind)


def discovery(path: str) -> dict[str, Any] | None:
    """The answer to a request for discovery; None where the path is none."""
    if path == "version":
        return VERSION
    if path == "api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "apis":
        groups = dict.fromkeys((found.group, found.version) for found in TYPES if found.group)
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*group) for group in groups]}
    resources = [_resource(found) for found in TYPES if found.root == path]
    if not resources:
        return None
    group_version = path.removeprefix("apis/").removeprefix("api/")
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _group(group: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def _resource(found: Type) -> dict[str, Any]:
    return {
        "name": found.plural,
        "singularName": found.kind.lower(),
        "namespaced": found.namespaced,
        "kind": found.kind,
        "verbs": VERBS,
        "shortNames": list(found.short),
    }


def openapi(path: str) -> dict[str, Any]:
    """OpenAPI v3: the index, or the document of one group and version.

    All that kubectl and helm read from it is which types check fields on the server (`fieldValidation`).
    """
    if not path:
        roots = dict.fromkeys(found.root for found in TYPES)
        return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash=1"} for root in roots}}
    paths = {f"/{found.root}/{found.plural}/{{name}}": _patchable(found) for found in TYPES if found.root == path}
    return {"openapi": "3.0.0", "info": {"title": "fake", "version": "v1"}, "paths": paths}


def _patchable(found: Type) -> dict[str, Any]:
    return {
        "patch": {
            "x-kubernetes-group-version-kind": {"group": found.group, "version": found.version, "kind": found.kind},
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
            "responses": {},
        }
    }
