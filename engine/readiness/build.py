"""What would be deployed, as far as it can be seen from here: the chart's files and the image that its values name.

    build = read_build(Path("helm"), "prod")
    build.chart        # sha3-256 over the chart's files and the values of that environment
    build.image        # ghcr.io/example/capctl@sha256:...

Nothing is rendered and no tool is needed: the same files give the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import Unavailable
from engine.ids import hash_bytes, hash_json

CHART: Final = Path("helm")
"""Where the chart lies, seen from the working directory, as for `capctl deploy`."""

VALUES_BY_PREFIX: Final = {"prod": "values-prod.yaml", "stag": "values-stage.yaml", "dev": "values-dev.yaml"}
"""The chart's file of values for environments whose name begins so."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a release is made of. Both are empty where there is no chart: nothing is deployed from one then."""

    image: str = ""
    """Reference with digest, or with the tag where no digest is set."""
    chart: str = ""
    """Hash over the chart's files and its values."""


def values_of(chart: Path, env: str) -> Sequence[Path]:
    """The chart's own file of values for an environment; none where it has none."""
    named = (chart / name for prefix, name in VALUES_BY_PREFIX.items() if env.startswith(prefix))
    return [file for file in named if file.is_file()]


def read_build(chart: Path, env: str) -> Build:
    """What would be deployed in an environment.

    Raises:
        Unavailable: A file of the chart cannot be read.
    """
    if not (chart / "Chart.yaml").is_file():
        return Build()
    try:
        files = sorted(path for path in chart.rglob("*") if path.is_file())
        content = {path.relative_to(chart).as_posix(): hash_bytes(path.read_bytes()) for path in files}
        chosen = values_of(chart, env)
        layers = [_read_yaml(file) for file in (chart / "values.yaml", *chosen)]
        app_version = str(_read_yaml(chart / "Chart.yaml").get("appVersion", ""))
    except OSError as error:
        raise Unavailable("orr.chart_unreadable", "The chart cannot be read", "Check the files in helm/.") from error
    values = [file.name for file in chosen]
    return Build(_image(layers, app_version), hash_json({"chart": content, "values": values}))


def _image(layers: Sequence[Mapping[str, Any]], app_version: str) -> str:
    image: dict[str, Any] = {}
    for layer in layers:
        named = layer.get("image")
        image |= named if isinstance(named, dict) else {}
    repository, digest = str(image.get("repository") or ""), str(image.get("digest") or "")
    tag = str(image.get("tag") or app_version)
    return f"{repository}@{digest}" if digest else f"{repository}:{tag}"


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise Unavailable(
            "orr.chart_unreadable", f"{path.name} of the chart is not YAML", "helm lint says where."
        ) from error
    return document if isinstance(document, dict) else {}
