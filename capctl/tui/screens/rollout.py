"""The main screen: the rollout, its gate, and everything the gate rests on."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Static

from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.command_bar import CommandBar
from capctl.tui.widgets.conditions import Conditions
from capctl.tui.widgets.drift_panel import DriftPanel
from capctl.tui.widgets.gate_panel import GatePanel
from capctl.tui.widgets.header import Header
from capctl.tui.widgets.history import HistoryPanel
from capctl.tui.widgets.key_bar import KeyBar
from capctl.tui.widgets.slider import RolloutSlider
from capctl.tui.widgets.traffic import Traffic
from capctl.tui.widgets.why import WhyPanel

TOO_SMALL: Final = "capctl needs a terminal of at least 60x16. `capctl status` works in any."


class RolloutScreen(Screen[None]):
    """Header, answer, slider; below them the conditions and the gauges, why and what happened."""

    CSS_PATH = "rollout.tcss"
    AUTO_FOCUS = "RolloutSlider"

    def compose(self) -> ComposeResult:
        """Lay out the panels."""
        yield Static(TOO_SMALL, id="too-small")
        with Vertical(id="room"):
            yield Header()
            yield GatePanel(id="gate")
            yield RolloutSlider(id="slider")
            with Container(id="evidence"):
                yield Conditions(id="conditions")
                with Vertical(id="measures"):
                    yield DriftPanel(id="drift")
                    yield Traffic(id="traffic")
                yield WhyPanel(id="why")
                yield HistoryPanel(id="history")
                yield ActivityLog(id="activity")
        yield KeyBar()
        yield CommandBar()
