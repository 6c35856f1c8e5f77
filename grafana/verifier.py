"""Makes the dashboard: `python -m grafana.verifier > grafana/dashboards/verifier.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from grafana.panels import BLUE, OF_POLICY, ROWS, Json, Panel

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


def dashboard() -> Json:
    """The whole dashboard as Grafana's JSON model, schema version 39 (Grafana 10 and later)."""
    return {
        "uid": "cap-verifier",
        "title": "CAP verifier: drift and enforcement",
        "description": "May the rollout go on, and is the service well? Made by grafana/verifier.py.",
        "tags": ["cap", "capctl"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables()},
        "annotations": {"list": [rollout_changes()]},
        "links": [],
        "panels": list(laid_out()),
    }


def variables() -> list[Json]:
    """What the viewer chooses: where from, whose, of which policy."""
    return [
        {"name": "datasource", "label": "Source", "type": "datasource", "query": "prometheus", "current": {}},
        _values("job", "Job", "label_values(cap_build_info, job)"),
        _values("policy", "Policy", 'label_values(adapt_requests_total{job=~"$job"}, policy_id)'),
    ]


def _values(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def rollout_changes() -> Json:
    """A mark wherever the rollout was changed."""
    return {
        "name": "Rollout changed",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": BLUE,
        "expr": f"changes(max by (policy_id) (adapt_rollout_revision{{{OF_POLICY}}})[1m:10s]) > 0",
        "titleFormat": "{{policy_id}}",
        "step": "10s",
    }


def laid_out() -> Iterable[Json]:
    """Rows of panels from left to right, from top to bottom, numbered."""
    y, id = 0, 0
    for title, panels in ROWS:
        id += 1
        yield {"id": id, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _at(0, y, 24, 1)}
        x, y = 0, y + 1
        for panel in panels:
            id += 1
            if x + panel.width > COLUMNS:
                x, y = 0, y + panel.height
            yield {"id": id, "gridPos": _at(x, y, panel.width, panel.height), **_panel(panel)}
            x += panel.width
        y += panels[-1].height


def _at(x: int, y: int, w: int, h: int) -> Json:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(panel: Panel) -> Json:
    steps = [{"value": value, "color": color} for value, color in panel.thresholds]
    return {
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [
            {"refId": chr(65 + i), "datasource": DATASOURCE, "expr": query, "legendFormat": legend}
            for i, (query, legend) in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                "mappings": list(panel.mappings),
                **panel.more,
            },
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}} if panel.type == "stat" else {},
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
