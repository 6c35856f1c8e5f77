"""The chart and the files of values of a release: what they are called, what they are for, and their digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.cutover.target import Release
from engine.errors import InvalidInput, NotFound
from engine.readiness.chart import chart_digest
from engine.settings import PRODUCTION


def chart_name(release: Release) -> str:
    """Name and version of the chart, `cap-0.1.0`.

    Raises:
        NotFound: There is no chart, or a file of values is missing.
    """
    chart = Path(release.chart) / "Chart.yaml"
    for file in (chart, *map(Path, release.values)):
        if not file.is_file():
            raise NotFound("deploy.no_file", f"{file} does not exist", "Give --chart and --values as they are here.")
    document = _read_yaml(chart)
    return f"{document.get('name', '?')}-{document.get('version', '?')}"


def release_digest(release: Release) -> str:
    """The digest of the chart with the release's values, as a readiness review signs it. Raises Unavailable."""
    return chart_digest(Path(release.chart), [Path(file) for file in release.values])


def check_environment(release: Release, env: str) -> None:
    """Refuse to deploy one environment's values as another's.

    A file of values says by its key `environment` for which environment it is; without that key, by its name.

    Raises:
        InvalidInput: It is for production and this is not, or the other way round.
    """
    for file in release.values:
        path = Path(file)
        meant = str(_read_yaml(path).get("environment") or path.stem.removeprefix("values-"))
        for_production, here = meant.startswith(PRODUCTION), env.startswith(PRODUCTION)
        if for_production and not here:
            hint = f"Type --env {meant} if you mean production."
            raise InvalidInput("deploy.environment", f"{file} is for {meant}, and this is {env}", hint)
        if here and not for_production and meant != "values":
            hint = f"Give production's values, or --env {meant}."
            raise InvalidInput("deploy.environment", f"{file} is for {meant}, and this is {env}", hint)


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput("deploy.values", f"{path} is not readable as YAML", "helm lint says where.") from error
    return document if isinstance(document, dict) else {}
