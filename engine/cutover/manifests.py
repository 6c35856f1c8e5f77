"""What a release consists of, from its rendered YAML, and in what two such differ. Shows no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.cutover.target import Difference
from engine.errors import InvalidInput

Manifest = dict[str, dict[str, Any]]
"""Every object by `Kind/name`."""

SECRET_KINDS: Final = frozenset({"Secret", "SealedSecret"})
SECRET_NAMES: Final = re.compile(r"passw|secret|token|credential|private", re.IGNORECASE)
HIDDEN: Final = "(not shown)"
SHOWN: Final = 160
"""Characters of a value that are shown."""
API_GROUP: Final = re.compile(r"(?:(?P<group>[a-z0-9.-]+)/)?v[0-9a-z]+")


def read_manifest(text: str) -> Manifest:
    """The objects of a rendered chart.

    Raises:
        InvalidInput: It is not YAML, or not of objects.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [item for item in yaml.load_all(text, Loader=loader) if item]
        return {f"{item['kind']}/{item['metadata']['name']}": item for item in documents}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise InvalidInput(
            "deploy.chart", "The chart renders something that is no list of objects", "helm template shows it."
        ) from error


def images(manifest: Manifest) -> tuple[str, ...]:
    """The images of every container that it would run."""
    return tuple(sorted({value for item in manifest.values() for value in _images(item.get("spec"))}))


def resource_types(manifest: Manifest) -> tuple[str, ...]:
    """Its types as access reviews call them: `deployments.apps`, `services`."""
    return tuple(sorted({_resource_type(item) for item in manifest.values()}))


def differences(before: Manifest, after: Manifest) -> Iterator[Difference]:
    """What would change, by object and path."""
    for place in sorted(before.keys() | after.keys()):
        old, new = before.get(place), after.get(place)
        if old is None or new is None:
            yield Difference(place, "", None if old is None else "present", None if new is None else "present")
            continue
        was, becomes = dict(_leaves(old)), dict(_leaves(new))
        for path in sorted(was.keys() | becomes.keys()):
            if was.get(path) != becomes.get(path):
                yield Difference(place, path, _shown(place, path, was), _shown(place, path, becomes))


def _images(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                yield from (str(entry["image"]) for entry in value if isinstance(entry, Mapping) and "image" in entry)
            yield from _images(value)
    elif isinstance(node, list):
        for value in node:
            yield from _images(value)


def _resource_type(item: Mapping[str, Any]) -> str:
    kind = str(item["kind"]).lower()
    found = API_GROUP.fullmatch(str(item.get("apiVersion", "")))
    group = found["group"] if found else None
    # The English plurals of Kubernetes' own kinds and of those that follow its conventions.
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"{plural}.{group}" if group else plural


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every scalar with its path; an element of a list goes by its name where it has one."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for position, value in enumerate(node):
            label = value.get("name", position) if isinstance(value, Mapping) else position
            yield from _leaves(value, f"{path}[{label}]")
    else:
        yield path, str(node)


def _shown(place: str, path: str, leaves: Mapping[str, str]) -> str | None:
    value = leaves.get(path)
    if value is None:
        return None
    is_secret = place.partition("/")[0] in SECRET_KINDS and not path.startswith("metadata")
    if is_secret or SECRET_NAMES.search(path):
        return HIDDEN
    return value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"
