"""What runs now: the revision, its chart and images, every resource and how ready it is, the canary's share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.deploy import Mark, look_of
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age
from engine.cutover.target import Health, ReleaseStatus, Resource

HEALTH: Final = {
    Health.READY: Mark("ready", "○", "$gate-open"),
    Health.WAITING: Mark("waiting", "…", "$gate-hold"),
    Health.DEGRADED: Mark("degraded", "!", "$gate-hold"),
    Health.FAILED: Mark("FAILED", "■", "$gate-closed"),
}
RANK: Final = (Health.FAILED, Health.DEGRADED, Health.WAITING, Health.READY)
BAR: Final = 10
"""Cells of the bar of what is ready."""


class DeployRelease(Panel):
    """The release as the target tells it, what is in trouble first."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the revision, and as many resources as there are rows."""
        look = look_of(state)
        status = look.status if look else None
        if status is None:
            return page([heading("Runs now", "", size.width), Content.styled("nothing is known of it", "$muted")])
        lines = [heading("Runs now", _note(status, state), size.width), *_facts(status, size.width)]
        rows = size.height - len(lines)
        items = _worst_first(status)
        shown = items if len(items) <= rows else items[: max(0, rows - 1)]
        lines += [_line(item, status) for item in shown]
        if len(shown) < len(items):
            lines.append(Content.styled(f"  and {len(items) - len(shown)} more, none of them worse", "$muted"))
        return page([line.truncate(size.width, ellipsis=True) for line in lines])


def _note(status: ReleaseStatus, state: ConsoleState) -> str:
    look = look_of(state)
    known = f"last known {age((state.now - status.at).total_seconds())} ago: " if look and look.obstacle else ""
    if not status.history:
        return f"{known}nothing: {status.release} was never deployed there"
    newest = status.history[0]
    since = age((state.now - newest.at).total_seconds())
    return f"{known}{status.release} revision {newest.number}, {newest.status}, {since} old"


def _facts(status: ReleaseStatus, width: int) -> Iterator[Content]:
    if not status.history:
        yield Content.styled("p plans: the exact commands, what they change, every obstacle", "$muted")
        return
    chart, images = status.history[0].chart, ", ".join(status.images) or "no image runs"
    if width >= len(chart) + len(images) + 16:
        yield row(Content.styled("chart ", "$muted"), chart, Content.styled("  image ", "$muted"), images)
    else:
        yield row(Content.styled("chart ", "$muted"), chart, Content.styled("  image ", "$muted"), _short(images))


def _short(images: str) -> str:
    """An image with the first digits of its digest: the beginning of a registry's name tells nothing."""
    name, at, digest = images.partition("@sha256:")
    return f"{name.rpartition('/')[2]}@{digest[:12]}…" if at else images


def _worst_first(status: ReleaseStatus) -> list[Resource]:
    return sorted(status.resources, key=lambda item: RANK.index(item.health))


def _line(item: Resource, status: ReleaseStatus) -> Content:
    mark = HEALTH[item.health]
    filled = round(BAR * item.ready / item.desired) if item.desired else 0
    return row(
        Content.styled(f"{mark.glyph} ", f"bold {mark.tone}"),
        cell(item.place, 28),
        Content.styled("━" * filled, mark.tone),
        Content.styled("─" * (BAR - filled), "$line"),
        f" {item.ready}/{item.desired} ",
        Content.styled(f"{mark.word:<9}", mark.tone),
        Content.styled(_share(item, status) or item.cause, "$muted" if item.health is Health.READY else ""),
    )


def _share(item: Resource, status: ReleaseStatus) -> str:
    """How many of the requests it gets."""
    if item.kind not in ("Process", "Deployment") or item.cause or item.name == "proxy":
        return ""
    percent = status.canary_percent
    share = percent if "canary" in item.name else None if percent is None else 100 - percent
    return f"{100 if share is None else share} % of the requests"
