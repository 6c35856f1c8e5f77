"""The first screen: the rollout, its gate, and everything the gate rests on."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from capctl.tui.bind import operation_bindings
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.conditions import Conditions
from capctl.tui.widgets.drift_panel import DriftPanel
from capctl.tui.widgets.gate_panel import GatePanel
from capctl.tui.widgets.history import HistoryPanel
from capctl.tui.widgets.slider import RolloutSlider
from capctl.tui.widgets.traffic import Traffic
from capctl.tui.widgets.why import WhyPanel
from engine.ops.spec import Operation
from engine.rollout.state import Phase


class RolloutScreen(ConsoleScreen):
    """Answer and slider; below them the conditions and the gauges, why and what happened."""

    ENTRY = entry_of("rollout")
    EXPLAINED = (RolloutSlider,)
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding(
            "exclamation_mark",
            "app.break_glass",
            "Promote past a gate that is not open (break-glass)",
            id="app.break_glass",
        ),
    ]
    CSS_PATH = "rollout.tcss"
    AUTO_FOCUS = "RolloutSlider"

    def body(self) -> ComposeResult:
        """Lay out the panels."""
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

    def is_hinted(self, op: Operation, state: ConsoleState) -> bool:
        """Leave out what is for another time or another world."""
        if op.id == "rollout.start":
            rolled_back = state.rollout is not None and state.rollout.phase is Phase.ROLLED_BACK
            return rolled_back or (state.snapshot is not None and state.rollout is None)
        if op.id == "rollout.resume":
            return False  # the key that pauses stands for it
        return state.env == "demo" or not op.id.startswith("demo.")
