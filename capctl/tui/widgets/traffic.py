"""The service under the rollout: rate, latency, errors, and who answers."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, count, duration, latency, rate, share
from engine.rollout.snapshot import ControlSnapshot, ReplicaView


class Traffic(Panel):
    """One line of figures; below it the replicas where there is room."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the figures, and one line for each replica."""
        snapshot = state.snapshot
        if snapshot is None or not state.measured:
            return row(Content.styled("Traffic  ", "bold"), Content.styled(f"{NOTHING} nothing current", "$muted"))
        if size.height <= 1:
            return row(*_figures(state, snapshot), *_fleet(snapshot)).truncate(size.width, ellipsis=True)
        lines = [
            Content.styled("Traffic", "bold"),
            row(*_figures(state, snapshot)[1:]).truncate(size.width, ellipsis=True),
        ]
        lines += [
            _replica(replica, snapshot, state.sample_age_s or 0.0) for replica in snapshot.replicas[: size.height - 2]
        ]
        return page(lines)


def _figures(state: ConsoleState, snapshot: ControlSnapshot) -> list[Content]:
    limits = state.limits
    slow = snapshot.p95_s is not None and snapshot.p95_s >= limits.p95_limit_s
    failing = snapshot.error_ratio >= limits.max_5xx_ratio
    return [
        Content.styled("Traffic  ", "bold"),
        row(rate(snapshot.requests_per_s), Content.styled("/s", "$muted")),
        row(Content.styled("   p95 ", "$muted"), Content.styled(latency(snapshot.p95_s), "$drift-bad" if slow else "")),
        row(
            Content.styled("   5xx ", "$muted"),
            Content.styled(share(snapshot.error_ratio), "bold $drift-bad" if failing else ""),
        ),
    ]


def _fleet(snapshot: ControlSnapshot) -> list[Content]:
    live = sum(not replica.stale for replica in snapshot.replicas)
    silent = len(snapshot.replicas) - live
    behind = sum(_behind(replica, snapshot) for replica in snapshot.replicas)
    parts = [Content.styled(f"   {count(live)} {'replica' if live == 1 else 'replicas'}", "$muted")]
    if silent:
        parts.append(Content.styled(f"  ? {count(silent)} silent", "bold $stale"))
    if behind:
        parts.append(Content.styled(f"  … {count(behind)} behind", "bold $gate-hold"))
    return parts


def _behind(replica: ReplicaView, snapshot: ControlSnapshot) -> bool:
    return not replica.stale and snapshot.rollout is not None and replica.revision < snapshot.rollout.revision


def _replica(replica: ReplicaView, snapshot: ControlSnapshot, since_s: float) -> Content:
    age = duration(replica.age_s + since_s)
    if replica.stale:
        return row(Content.styled(f"? {replica.name}", "$stale"), Content.styled(f"  silent for {age}", "$stale"))
    note = "  … behind" if _behind(replica, snapshot) else ""
    return row(
        Content.styled("○ ", "$drift-ok"),
        replica.name,
        Content.styled(f"  revision {replica.revision}  {age} ago", "$muted"),
        Content.styled(note, "$gate-hold"),
    )
