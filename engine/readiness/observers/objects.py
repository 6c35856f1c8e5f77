"""Kubernetes objects: as the chart would make them, and as they are in the cluster."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from engine.errors import Unavailable
from engine.readiness.observers.tool import ask_tool
from engine.readiness.probing import Observed, Observer, values_at


def chart_observer(chart: Path, values: Sequence[Path], *, helm: str, namespace: str) -> Observer:
    """Sees what a chart renders to with its values.

    Args:
        chart: The chart's directory.
        values: Value files, later ones win.
        helm: The program.
        namespace: The release's.
    """
    lock = Lock()

    @cache
    def objects() -> Sequence[Mapping[str, Any]]:
        if not (chart / "Chart.yaml").is_file():
            raise Unavailable("orr.no_chart", "There is no chart here", "Run it where the chart's directory helm/ is.")
        files = [argument for file in values for argument in ("-f", str(file))]
        return _documents(ask_tool([helm, "template", "cap", str(chart), "--namespace", namespace, *files]))

    def observe(arguments: Mapping[str, Any]) -> Observed:
        with lock:  # probes ask side by side; one rendering serves them all
            rendered = objects()
        return _observe(arguments, rendered)

    return observe


def cluster_observer(*, kubectl: str, namespace: str, context: str) -> Observer:
    """Sees what is in a namespace of the cluster.

    Args:
        kubectl: The program.
        namespace: The release's.
        context: Of the kubeconfig; empty for the current one.
    """

    def observe(arguments: Mapping[str, Any]) -> Observed:
        chosen = ["--context", context] if context else []
        argv = [kubectl, *chosen, "--namespace", namespace, "get", arguments["kind"].lower(), "-o", "json"]
        objects = json.loads(ask_tool([*argv, "--request-timeout", "15s"])).get("items", [])
        if not objects:
            # Of nothing everything is true: where no pod is wanted, none is unready.
            raise Unavailable("orr.not_deployed", f"There is no {arguments['kind']} in the cluster", "Deploy it first.")
        return _observe(arguments, objects)

    return observe


def _observe(arguments: Mapping[str, Any], objects: Sequence[Mapping[str, Any]]) -> Observed:
    kind, path = arguments["kind"], arguments.get("path", "")
    of_kind = [each for each in objects if each.get("kind") == kind]
    # An object that says nothing there counts as one that says nothing, however much the others say.
    values = [value for each in of_kind for value in values_at(each, path) or [None]]
    return Observed(values, f"{len(of_kind)} {kind}, {path or 'objects'}: {_summary(values)}")


def _summary(values: Sequence[Any], most: int = 3) -> str:
    counts = Counter(json.dumps(value, sort_keys=True)[:60] for value in values)
    said = ", ".join(f"{text} ×{count}" if count > 1 else text for text, count in counts.most_common(most))
    return (said or "nothing") + (", …" if len(counts) > most else "")


def _documents(rendered: bytes) -> list[Mapping[str, Any]]:
    import yaml

    return [document for document in yaml.safe_load_all(rendered) if isinstance(document, dict)]
