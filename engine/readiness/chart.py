"""What a chart on disk is: its digest, the image that it names, and its own values for an environment.

This is the one definition. What `capctl deploy plan` shows, `capctl deploy apply` records and tells the release, and a
readiness review signs are computed here, so that they can be compared.

    values = values_for(Path("helm"), "prod")
    chart_digest(Path("helm"), values)      # sha3-256 over the chart's files and those files of values
    image_reference(Path("helm"), values)   # ghcr.io/example/capctl@sha256:...

Nothing is rendered and no tool is needed: the same files give the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.errors import Unavailable
from engine.ids import hash_bytes, hash_json

VALUES_BY_PREFIX: Final = {"prod": "values-prod.yaml", "stag": "values-stage.yaml", "dev": "values-dev.yaml"}
"""The chart's file of values for environments whose name begins so."""


def is_chart(folder: Path) -> bool:
    """Whether a folder holds a chart."""
    return (folder / "Chart.yaml").is_file()


def values_for(chart: Path, env: str) -> tuple[Path, ...]:
    """The chart's own file of values for an environment; none where it has none."""
    named = (chart / name for prefix, name in VALUES_BY_PREFIX.items() if env.startswith(prefix))
    return tuple(file for file in named if file.is_file())


def chart_digest(chart: Path, values: Sequence[Path]) -> str:
    """One hash over every file of a chart and of values: the same digest renders the same objects.

    Args:
        chart: The folder. One without a Chart.yaml is no chart and counts as empty: a rehearsal on one machine can do
            without.
        values: Files of values in the order in which they are given to helm. Where they lie does not count.

    Raises:
        Unavailable: A file cannot be read.
    """
    files = sorted(path for path in chart.rglob("*") if path.is_file()) if is_chart(chart) else []
    content = {path.relative_to(chart).as_posix(): hash_bytes(_read(path)) for path in files}
    return hash_json({"chart": content, "values": [hash_bytes(_read(file)) for file in values]})


def image_reference(chart: Path, values: Sequence[Path]) -> str:
    """The image that the release's verifiers run, as the chart's `cap.image` spells it.

    Args:
        chart: The folder.
        values: Files of values, later ones win.

    Returns:
        The reference with its digest, or with its tag where no digest is set.

    Raises:
        Unavailable: A file cannot be read, or is not YAML.
    """
    image: dict[str, Any] = {}
    for layer in map(_read_yaml, (chart / "values.yaml", *values)):
        named = layer.get("image")
        image |= named if isinstance(named, dict) else {}
    repository, digest = str(image.get("repository") or ""), str(image.get("digest") or "")
    if digest:
        return f"{repository}@{digest}"
    return f"{repository}:{image.get('tag') or _read_yaml(chart / 'Chart.yaml').get('appVersion', '')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "Check the files of the chart and of values."
        raise Unavailable("deploy.chart_unreadable", f"{path.name} of the chart cannot be read", hint) from error


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        hint = "helm lint says where."
        raise Unavailable("deploy.chart_unreadable", f"{path.name} of the chart is not YAML", hint) from error
    return document if isinstance(document, dict) else {}
