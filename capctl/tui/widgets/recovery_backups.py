"""The backups of the folder: how old each is, whether it can be opened here, and when it was last looked into."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.reactive import reactive

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.recovery import look_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, age, count
from engine.ops.results.recovery_look import SeenBackup

KIB: Final = 1024
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
BROAD: Final = 100
"""Cells from which the file's name stands in the line."""


class RecoveryBackups(Panel, can_focus=True):
    """A line for each backup, newest first; arrows choose one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose_backup(-1)", "Choose the backup above", id="backups.up"),
        Binding("down,j", "choose_backup(1)", "Choose the backup below", id="backups.down"),
        Binding("home", "choose_backup(-1000000)", "Choose the newest backup", id="backups.first"),
        Binding("end", "choose_backup(1000000)", "Choose the last backup", id="backups.last"),
    ]

    place: reactive[int] = reactive(0)
    """Which backup is chosen, counted from the first line."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the backups that fit around the chosen one, and where they lie."""
        look = look_of(state)
        backups = look.backups if look else ()
        first, last = self._shown(len(backups), size.height)
        lines = [heading("Backups", _note(state), size.width)]
        lines += [
            _line(backups[place], state.now, size.width, chosen=place == self.place) for place in range(first, last)
        ]
        if look is not None and not backups:
            lines.append(Content.styled(f"none in {look.folder}", "$muted"))
        if look is not None and backups and len(lines) < size.height:
            warning = "beside the registry: keep copies elsewhere · " if look.is_beside else ""
            lines.append(Content.styled(f"  {warning}{look.folder}", "$muted"))
        return page([line.truncate(size.width, ellipsis=True) for line in lines])

    def watch_place(self) -> None:
        """Show what is chosen."""
        self.show_state(self.room.state)

    def action_choose_backup(self, lines: int) -> None:
        """Choose another backup, among those there are."""
        look = look_of(self.room.state)
        self.place = max(0, min(self.place + lines, len(look.backups) - 1 if look else 0))

    def on_click(self, event: Click) -> None:
        """Choose the backup that was clicked."""
        look = look_of(self.room.state)
        first, last = self._shown(len(look.backups) if look else 0, self.size.height)
        if first <= first + event.y - 1 < last and event.y > 0:
            self.place = first + event.y - 1

    def chosen(self, state: ConsoleState) -> SeenBackup | None:
        """The chosen backup."""
        look = look_of(state)
        return look.backups[min(self.place, len(look.backups) - 1)] if look and look.backups else None

    def _shown(self, total: int, height: int) -> tuple[int, int]:
        rows = max(1, height - 1)
        first = max(0, min(self.place - rows + 1, total - rows))
        return first, min(total, first + rows)


def size_of(size: int) -> str:
    """A size in the unit that leaves few digits: `812 B`, `3.4 MiB`."""
    value, place = float(size), 0
    while value >= KIB and place < len(UNITS) - 1:
        value, place = value / KIB, place + 1
    return f"{size} B" if place == 0 else f"{value:.1f} {UNITS[place]}"


def _note(state: ConsoleState) -> str:
    look = look_of(state)
    if look is None or not look.backups:
        return ""
    return f"{count(len(look.backups))}, newest first; arrows choose, c checks, e restores elsewhere"


def _line(backup: SeenBackup, now: datetime, width: int, *, chosen: bool) -> Content:
    glyph, word, tone = _verdict(backup, now)
    manifest, weight = backup.listed.manifest, "bold" if chosen else ""
    made = f"{age((now - manifest.created_at).total_seconds())} old" if manifest else backup.listed.name
    facts = f"{size_of(manifest.archive_size):>9}  {count(len(manifest.policies)):>3} policies" if manifest else NOTHING
    return row(
        Content.styled("▸ " if chosen else "  ", "bold $chosen"),
        cell(made, 13, weight),
        cell(facts, 25),
        Content.styled(f"{glyph} {word}", f"bold {tone}"),
        Content.styled(f"  {backup.listed.name}" if width >= BROAD and manifest else "", "$muted"),
    )


def _verdict(backup: SeenBackup, now: datetime) -> tuple[str, str, str]:
    """What is known of a backup: glyph, words, tone."""
    if not backup.is_complete:
        return "■", f"{backup.listed.state}: {backup.listed.problem}", "$gate-closed"
    if backup.check is None:
        return "…", "never restored" if backup.opens else "never restored; opens elsewhere only", "$gate-hold"
    since = age((now - backup.check.at).total_seconds())
    if not backup.check.ok:
        return "■", f"cannot be restored, found {since} ago", "$gate-closed"
    return "○", f"restored and read {since} ago", "$gate-open"
