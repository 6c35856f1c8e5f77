"""The dashboard and the rules as files: whole, legible, and about metrics that exist."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from engine.telemetry.exposition import render
from tests.samples.scraped import scrape_after

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "verifier.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES: list[dict[str, Any]] = [
    rule
    for name in ("recording", "alerts")
    for group in yaml.safe_load((GRAFANA / "rules" / f"{name}.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
EACH_PANEL = pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
EACH_ALERT = pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])

METRIC = re.compile(r"\b(?:adapt|cap|audit|process)_\w+\b(?!\s*\()")


def exposed() -> set[str]:
    """Every series name that a verifier exposes."""
    body, _ = render(scrape_after(1), "text/plain")
    return {sample.name for family in text_string_to_metric_families(body.decode()) for sample in family.samples}


def test_the_dashboard_is_what_its_source_makes() -> None:
    """`python -m grafana.verifier` would change nothing."""
    from grafana.verifier import dashboard

    assert dashboard() == DASHBOARD


def test_panels_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert DASHBOARD["uid"]


def test_no_panel_covers_another_or_hangs_over_the_edge() -> None:
    covered = [_cells(panel["gridPos"]) for panel in DASHBOARD["panels"]]
    assert not any(first & second for first, second in combinations(covered, 2))
    assert all(x < 24 for cells in covered for x, _ in cells)


def _cells(at: dict[str, int]) -> set[tuple[int, int]]:
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


@EACH_PANEL
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    """A title, a sentence, a unit, and a legend for every line."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert all(target["legendFormat"] for target in panel["targets"])


@EACH_PANEL
def test_a_panel_asks_the_chosen_source(panel: dict[str, Any]) -> None:
    """No panel names a data source of one installation."""
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_drift_enforcement_gate_and_service_all_have_panels() -> None:
    """What the dashboard must show; each stands in at least one query."""
    asked = " ".join(QUERIES)
    for metric in (
        "adapt_drift_events_total",
        "adapt_drift_direction_events_total",
        "adapt_enforce_rollout_percent",
        "adapt_gate_state",
        "cap_verifier_requests_total",
        "cap_verifier_request_duration_seconds_bucket",
        "cap_auth_token_validation_failures_total",
        "cap_cache_hit_ratio",
    ):
        assert metric in asked


def test_every_metric_that_is_asked_for_is_exposed() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {
        name
        for query in [*QUERIES, *(rule["expr"] for rule in RULES)]
        for name in METRIC.findall(_without_recorded(query, recorded))
    }
    assert asked - exposed() == set()


def _without_recorded(query: str, recorded: set[str]) -> str:
    for name in recorded:
        query = query.replace(name, "")
    return query


def test_a_fleet_ratio_is_never_an_average_of_ratios() -> None:
    """A replica with ten requests must not weigh as much as one with ten thousand."""
    gauges = ("adapt_drift_ratio", "adapt_enforced_drift_ratio", "adapt_preview_drift_ratio")
    assert not [query for query in QUERIES for gauge in gauges if re.search(rf"\b(avg|sum)\b.*{gauge}", query)]


@EACH_ALERT
def test_an_alert_leads_to_what_to_do(alert: dict[str, Any]) -> None:
    """Its runbook is a section of a document that exists."""
    document, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text("utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_every_alert_has_a_test() -> None:
    tested = {
        case["alertname"]
        for file in (GRAFANA / "rules" / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for case in test.get("alert_rule_test", ())
    }
    assert tested == {alert["alert"] for alert in ALERTS}
