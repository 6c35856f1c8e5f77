"""What the dashboard and the rules ask is answered by a real Prometheus with our own metrics in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.contract.prometheus.conftest import Prometheus, until
from tests.samples.scraped import INSTANCES, JOB, POLICY, history

GRAFANA = Path(__file__).parents[3] / "grafana"
RULE_FILES = sorted((GRAFANA / "rules").glob("*.yml"))
AS_CHOSEN = {"$job": JOB, "$policy": POLICY, "$__rate_interval": "4m"}


@pytest.fixture
def scraped(make_prometheus: Callable[..., Prometheus]) -> Prometheus:
    """A Prometheus that has scraped two verifiers for an hour."""
    return make_prometheus(history(time.time()))


def test_every_query_of_the_dashboard_returns_data(scraped: Prometheus) -> None:
    """With the variables as a viewer chooses them; an empty panel would look like good news."""
    dashboard = json.loads((GRAFANA / "dashboards" / "verifier.json").read_text("utf-8"))
    empty = [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        if not scraped.query(_chosen(target["expr"]))
    ]
    assert empty == []


def _chosen(query: str) -> str:
    for variable, value in AS_CHOSEN.items():
        query = query.replace(variable, value)
    assert "$" not in query
    return query


def test_the_variables_find_the_verifiers(scraped: Prometheus) -> None:
    """What the viewer chooses from is there."""
    found = scraped.query("cap_build_info")
    assert {(entry["metric"]["job"], entry["metric"]["instance"]) for entry in found} == {(JOB, i) for i in INSTANCES}


def test_the_drift_of_the_fleet_is_made_from_counters(scraped: Prometheus) -> None:
    """2 of 25 enforced requests drifted, on each of two replicas."""
    [drift] = scraped.query(
        'sum(increase(adapt_drift_events_total[15m])) / sum(increase(adapt_requests_total{mode="enforced"}[15m]))'
    )
    assert float(drift["value"][1]) == pytest.approx(0.08)


def test_a_running_prometheus_evaluates_the_rules(make_prometheus: Callable[..., Prometheus]) -> None:
    """Loaded as they are shipped, on real metrics: no rule fails, and drift at 8 % raises the alarm."""
    groups = [group for file in RULE_FILES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    for group in groups:
        group["interval"] = "1s"
    server = make_prometheus(history(time.time()), yaml.safe_dump({"groups": groups}))
    pending = 'ALERTS{alertname="CapDriftOverLimit", policy_id="lksg.v1"}'
    until(lambda: server.query(pending) != [], "the alarm is pending or firing")
    assert server.query("sum(prometheus_rule_evaluation_failures_total) > 0") == []
    assert {rule["lastError"] for rule in server.rules() if "lastError" in rule} <= {""}


@pytest.mark.parametrize("arguments", [("check", "rules"), ("test", "rules")], ids=" ".join)
def test_promtool_passes_the_rules(arguments: tuple[str, str]) -> None:
    """`promtool check rules` and `promtool test rules`, as an operator would run them."""
    if shutil.which("promtool") is None:
        pytest.skip("Debian's package prometheus is not installed")
    files = RULE_FILES if arguments[0] == "check" else sorted((GRAFANA / "rules" / "tests").glob("*.yml"))
    assert files
    done = subprocess.run(["promtool", *arguments, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
