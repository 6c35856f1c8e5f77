"""What a release means on this machine: which verifiers, with which settings and which share of the requests.

It reads of the chart what a process can have: the version, the feature flags and the canary's share. Everything else of
a chart is for a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.cutover.chart import release_digest
from engine.cutover.local.documents import Backend
from engine.cutover.target import Release
from engine.errors import InvalidInput, NotFound

WHOLE: Final = 100
FEATURES: Final = {
    "enforce_enabled": "CAPCTL_ENFORCE_ENABLED",
    "enforce_rollout_percent": "CAPCTL_ENFORCE_ROLLOUT_PERCENT",
    "drift_max_ratio": "CAPCTL_DRIFT_MAX_RATIO",
}
"""The chart's feature flags that are settings of a verifier."""


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What a release means here."""

    chart: str
    """Name and version."""
    app_version: str
    digest: str
    """`sha3-256:` over the chart's files and the files of values."""
    drift_gate: bool
    canary_percent: int
    """Share of the requests that a canary beside the stable verifier gets; 0: there is none."""
    environ: dict[str, str]
    """`CAPCTL_*` settings of the verifiers."""

    def backends(self, revision: int) -> tuple[Backend, ...]:
        """The verifiers of the release, as the given revision."""
        stable = Backend("stable", revision, WHOLE - self.canary_percent, self.drift_gate, self.environ)
        if not self.canary_percent:
            return (stable,)
        return (stable, Backend("canary", revision, self.canary_percent, self.drift_gate, self.environ))


def plan_of(release: Release) -> LocalPlan:
    """Read a release.

    Raises:
        NotFound: A file of values does not exist.
        InvalidInput: A file is no YAML, or a value is impossible.
        Unavailable: A file of the chart cannot be read.
    """
    chart = _chart(Path(release.chart))
    values: dict[str, Any] = {}
    defaults = Path(release.chart) / "values.yaml"
    for path in ([defaults] if defaults.exists() else []) + [Path(name) for name in release.values]:
        values = _merged(values, _mapping(path))
    canary, features = _part(values, "canary"), _part(values, "features")
    percent = canary.get("weight", 0) if canary.get("enabled") else 0
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent < WHOLE:
        raise InvalidInput("local.canary_weight", "canary.weight is no percentage below 100", "Give 0 to 99.")
    return LocalPlan(
        chart=f"{chart.get('name', release.name)}-{chart.get('version', '0')}",
        app_version=str(chart.get("appVersion", "")),
        digest=release_digest(release),
        drift_gate=features.get("enforce_readiness_gate") is True,
        canary_percent=percent,
        environ={variable: _setting(features[name]) for name, variable in FEATURES.items() if name in features},
    )


def _chart(folder: Path) -> Mapping[str, Any]:
    """The chart's own description; empty where there is no chart: processes can do without."""
    path = folder / "Chart.yaml"
    return _mapping(path) if path.exists() else {}


def _mapping(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound("local.no_values", f"The values file {path.name} does not exist", "Check the path.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput("local.values_malformed", f"{path.name} is no YAML", "Correct it.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise InvalidInput("local.values_malformed", f"{path.name} holds no values", "Give a mapping.")
    return document


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Values over values, as helm merges them: mappings member by member, everything else whole."""
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, dict) else {}


def _setting(value: Any) -> str:
    """A value as a variable spells it. Whether it is possible is for the verifier to say, which then does not start."""
    return str(value).lower() if isinstance(value, bool) else str(value)
