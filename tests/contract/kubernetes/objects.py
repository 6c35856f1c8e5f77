"""The objects of a fake cluster: stored, versioned, selected and patched as a real API server does it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from tests.contract.kubernetes.catalogue import Type, by_kind

Object = dict[str, Any]
MERGE_KEYS = ("name", "port", "containerPort", "mountPath", "type", "uid")
"""What identifies an element of a list in a strategic merge, in the order in which they are looked for."""


class Objects:
    """Every object by type, namespace and name. Guarded by `changed`, which is notified of each write."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.log: list[tuple[str, Object]] = []
        """Every change: `ADDED`, `MODIFIED`, `DELETED` and the object as it was then."""
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._versions = itertools.count(1)

    def get(self, found: Type, namespace: str, name: str) -> Object | None:
        """One object."""
        return self._objects.get((found.kind, namespace, name))

    def all(self, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """The objects of a kind, of a namespace or of all, that a label selector selects."""
        found = (
            item for (k, place, _), item in sorted(self._objects.items()) if k == kind and place.startswith(namespace)
        )
        return [item for item in found if selects(selector, item["metadata"].get("labels") or {})]

    def put(self, item: Object) -> Object:
        """Store an object, with the metadata a server adds; its generation counts changes of its spec."""
        found, metadata = by_kind(item["kind"]), item["metadata"]
        item["apiVersion"] = found.api_version
        key = (found.kind, metadata.get("namespace", "") if found.namespaced else "", metadata["name"])
        before = self._objects.get(key)
        number = next(self._versions)
        metadata["resourceVersion"] = str(number)
        if before is None:
            metadata |= {"uid": f"uid-{number}", "creationTimestamp": rfc3339(), "generation": 1}
        else:
            kept = ("uid", "creationTimestamp")
            metadata |= {name: before["metadata"][name] for name in kept}
            metadata["generation"] = before["metadata"]["generation"] + (before.get("spec") != item.get("spec"))
        with self.changed:
            self._objects[key] = item
            self._tell("MODIFIED" if before else "ADDED", item)
        return item

    def remove(self, item: Object) -> None:
        """Delete an object and what it owns."""
        metadata = item["metadata"]
        with self.changed:
            self._objects.pop((item["kind"], metadata.get("namespace", ""), metadata["name"]), None)
            self._tell("DELETED", item)
        for owned in self.owned_by(metadata["uid"]):
            self.remove(owned)

    def owned_by(self, uid: str) -> list[Object]:
        """The objects that name an owner."""
        owners = ((item, item["metadata"].get("ownerReferences", ())) for item in list(self._objects.values()))
        return [item for item, references in owners if any(owner["uid"] == uid for owner in references)]

    def _tell(self, change: str, item: Object) -> None:
        self.log.append((change, deepcopy(item)))
        self.changed.notify_all()


def rfc3339() -> str:
    """The time now, as metadata carries it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selects(selector: str, labels: dict[str, str]) -> bool:
    """Whether an equality-based label selector matches."""
    return all(_holds(term.strip(), labels) for term in selector.split(",") if term)


def _holds(term: str, labels: dict[str, str]) -> bool:
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key) != value
    key, _, value = term.replace("==", "=").partition("=")
    return labels.get(key) == value


def merged(before: Any, patch: Any) -> Any:
    """A strategic merge patch applied: null removes, lists of named things merge by name, other lists are replaced."""
    if isinstance(patch, dict):
        result = dict(before) if isinstance(before, dict) else {}
        for key, value in patch.items():
            if key.startswith("$"):
                continue
            if value is None:
                result.pop(key, None)
            else:
                result[key] = merged(result.get(key), value)
        return result
    if isinstance(patch, list) and isinstance(before, list) and (key := _merge_key(before + patch)):
        return list(_merged_list(before, patch, key))
    return deepcopy(patch)


def _merge_key(items: list[Any]) -> str | None:
    dicts = all(isinstance(item, dict) for item in items)
    return next((key for key in MERGE_KEYS if dicts and all(key in item for item in items)), None)


def _merged_list(before: list[Object], patch: list[Object], key: str) -> Iterator[Object]:
    patches = {item[key]: item for item in patch}
    for item in before:
        change = patches.pop(item[key], None)
        if change is None or change.get("$patch") != "delete":
            yield merged(item, change) if change else item
    yield from (merged({}, item) for item in patches.values() if item.get("$patch") != "delete")
