"""The screens there are: one row each. Keys, tabs, palette entries, key bars and help are made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from capctl.tui.screens.console import ConsoleScreen


class ScreenEntry(NamedTuple):
    """A screen of the console."""

    name: str
    """Its name in code, and of Textual's mode."""
    title: str
    """The word on its tab, at most eight letters."""
    key: str
    """The key that goes to it, from everywhere."""
    home: str
    """`module:class` below `capctl.tui.screens`; imported when the screen is first looked at."""
    hints: Mapping[str, str]
    """What can be done there, most important first: an operation's id, or the action of one of the screen's own
    bindings, and the word for it on the key bar. An operation is bound to its key on this screen only; one without a
    word is in help only."""

    def load(self) -> type[ConsoleScreen]:
        """The screen's class.

        Side effects: imports its module.
        """
        module, _, name = self.home.partition(":")
        screen: type[ConsoleScreen] = getattr(import_module(f"capctl.tui.screens.{module}"), name)
        return screen

    def make(self) -> ConsoleScreen:
        """The screen itself, anew."""
        return self.load()()


SCREENS: Final = (
    ScreenEntry(
        "rollout",
        "Rollout",
        "1",
        "rollout:RolloutScreen",
        {
            "rollout.start": "start",
            "rollout.promote": "promote",
            "rollout.rollback": "roll back",
            "rollout.pause": "pause",
            "rollout.resume": "resume",
            "demo.inject": "drift",
            "demo.rate": "rate",
        },
    ),
    ScreenEntry(
        "pilot",
        "Pilot",
        "2",
        "pilot:PilotScreen",
        {"pilot.run": "run", "rehearse": "dry run", "pilot.check": "check", "next_status": "filter"},
    ),
    ScreenEntry(
        "deploy",
        "Deploy",
        "3",
        "deploy:DeployScreen",
        {
            "go_on": "go on",
            "stop": "stop",
            "rollout.rollback": "roll back",
            "deploy.rollback": "take back",
            "other_target": "target",
            "deploy.plan": "",
            "deploy.apply": "",
            "smoke.run": "",
            "canary.watch": "",
            "load.run": "",
        },
    ),
    ScreenEntry(
        "orr",
        "ORR",
        "4",
        "orr:OrrScreen",
        {
            "go_on": "next step",
            "orr.check": "check all",
            "orr.attest": "attest",
            "rollout.rollback": "roll back",
            "orr.waive": "waive",
            "orr.sign": "sign",
            "orr.verify": "",
        },
    ),
    ScreenEntry(
        "keys",
        "Keys",
        "5",
        "keys:KeysScreen",
        {"go_on": "next step", "keys.abort": "abort", "keys.revoke": "revoke"},
    ),
    ScreenEntry(
        "audit",
        "Audit",
        "6",
        "audit:AuditScreen",
        {
            "audit.verify": "verify",
            "next_break": "break",
            "type_filters": "filter",
            "prove": "prove",
        },
    ),
    ScreenEntry(
        "cutover",
        "Cutover",
        "7",
        "cutover:CutoverScreen",
        {
            "go_on": "go on",
            "rollout.rollback": "roll back",
            "cutover.rollback": "roll back",
            "cutover.report": "report",
        },
    ),
    ScreenEntry(
        "recovery",
        "Recovery",
        "8",
        "recovery:RecoveryScreen",
        {
            "go_on": "go on",
            "backup.create": "back up",
            "drill.restore": "drill",
            "backup.verify": "check",
            "restore.run": "",
            "drill.rotation": "",
        },
    ),
)
"""In the order of the tabs; the first one is shown at the start."""

EVERYWHERE: Final[Mapping[str, str]] = {"rollout.rollback": "rollout 0 %"}
"""Operations whose key works on every screen: the way back to safety."""


def entry_of(name: str) -> ScreenEntry:
    """The row of a screen."""
    return next(entry for entry in SCREENS if entry.name == name)
