"""What people read of a change's way through the fleet, of break-glass, and of what works in another shell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from textual.geometry import Size

from capctl.text.layout import render
from capctl.text.views.status import summary
from capctl.tui.command_line import parse, spell
from capctl.tui.widgets.history import HistoryPanel
from capctl.tui.widgets.traffic import Traffic
from engine.ops.catalogue import REGISTRY
from engine.rollout.snapshot import ControlSnapshot, ReplicaView
from tests.tui import scenes


def lines(snapshot: ControlSnapshot) -> str:
    return "\n".join(render(summary(snapshot), width=100, color=False))


def drawn(kind: Any, snapshot: ControlSnapshot, size: Size) -> str:
    """A panel's picture of a moment, without an app around it."""
    state = SimpleNamespace(snapshot=snapshot, measured=True, sample_age_s=0.0, limits=scenes_limits())
    panel = SimpleNamespace(room=SimpleNamespace(zone=None))
    return str(kind.picture(panel, state, size))


def scenes_limits() -> SimpleNamespace:
    return SimpleNamespace(p95_limit_s=0.6, max_5xx_ratio=0.01)


def test_status_says_that_every_verifier_has_the_latest_change() -> None:
    assert "2 of 2 verifiers have revision 4\n" in lines(scenes.snapshot())


@pytest.mark.parametrize(
    "other", [ReplicaView("b", 0.4, 3, stale=False), ReplicaView("b", 90.0, 4, stale=True)], ids=["behind", "silent"]
)
def test_status_names_who_lacks_it_and_since_when(other: ReplicaView) -> None:
    """Whoever is silent is not taken to have it, whatever it said last."""
    moment = scenes.snapshot(replicas=(ReplicaView("a", 0.4, 4, stale=False), other))
    assert moment.rollout is not None
    changed = replace(moment.rollout, changed_at=moment.at - timedelta(seconds=12))
    told = lines(replace(moment, rollout=changed))
    assert "1 of 2 verifiers have revision 4, made 12 s ago; not known of b" in told


def test_the_traffic_line_says_which_revision_all_of_them_have() -> None:
    assert "all 2 at revision 4" in drawn(Traffic, scenes.snapshot(), Size(80, 1))


def test_the_history_is_loud_about_break_glass() -> None:
    moment = scenes.snapshot()
    passed = replace(moment.history[0], break_glass=True)
    rows = drawn(HistoryPanel, replace(moment, history=(passed, *moment.history[1:])), Size(80, 8)).splitlines()
    assert [("BREAK-GLASS" in row) for row in rows[1:5]] == [True, False, False, False]


def test_a_line_for_another_shell_names_the_environment() -> None:
    call = parse("rollout pause --reason lunch", REGISTRY)
    assert spell(call, env="staging") == "capctl rollout pause --reason lunch --env staging"
    assert spell(call) == "capctl rollout pause --reason lunch"
