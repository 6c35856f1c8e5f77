"""The service under the rollout: rate, latency, errors, and who answers."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, count, latency, rate, share
from engine.rollout.snapshot import ControlSnapshot, ReplicaView


class Traffic(Panel):
    """One line of figures; above it a title and below it the replicas where there is room."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the figures, and one line for each replica."""
        snapshot = state.snapshot
        current = snapshot is not None and state.measured
        if snapshot is None or not current:
            line = Content.styled("no current traffic", "$muted")
            return line if size.height <= 1 else page([heading("Traffic", "", size.width), line])
        if size.height <= 1:
            return row(_figures(state, snapshot), "  ", _fleet(snapshot)).truncate(size.width, ellipsis=True)
        lines = [heading("Traffic", "the last five minutes", size.width), _figures(state, snapshot)]
        since_s = state.sample_age_s or 0.0
        lines += [_replica(replica, snapshot, since_s) for replica in snapshot.replicas[: size.height - 2]]
        return page([line.truncate(size.width, ellipsis=True) for line in lines])


def _figures(state: ConsoleState, snapshot: ControlSnapshot) -> Content:
    limits = state.limits
    slow = snapshot.p95_s is not None and snapshot.p95_s >= limits.p95_limit_s
    failing = snapshot.error_ratio >= limits.max_5xx_ratio
    return row(
        Content.styled(rate(snapshot.requests_per_s), "bold"),
        Content.styled("/s  p95 ", "$muted"),
        Content.styled(latency(snapshot.p95_s), "bold $drift-bad" if slow else ""),
        Content.styled("  5xx ", "$muted"),
        Content.styled(share(snapshot.error_ratio), "bold $drift-bad" if failing else ""),
    )


def _fleet(snapshot: ControlSnapshot) -> Content:
    """How many verifiers answer; whoever is silent or behind is what matters, and comes first."""
    silent = sum(replica.stale for replica in snapshot.replicas)
    behind = sum(_behind(replica, snapshot) for replica in snapshot.replicas)
    if silent:
        return Content.styled(f"? {count(silent)} silent", "bold $stale")
    if behind:
        return Content.styled(f"… {count(behind)} behind", "bold $gate-hold")
    revision = f" at revision {snapshot.rollout.revision}" if snapshot.rollout else ""
    return Content.styled(f"all {count(len(snapshot.replicas))}{revision}", "$muted")


def _behind(replica: ReplicaView, snapshot: ControlSnapshot) -> bool:
    return not replica.stale and snapshot.rollout is not None and replica.revision < snapshot.rollout.revision


def _replica(replica: ReplicaView, snapshot: ControlSnapshot, since_s: float) -> Content:
    old = age(replica.age_s + since_s)
    if replica.stale:
        return Content.styled(f"? {replica.name}  silent for {old}", "$stale")
    note = "  … behind" if _behind(replica, snapshot) else ""
    return row(
        Content.styled("○ ", "$drift-ok"),
        replica.name,
        Content.styled(f"  revision {replica.revision}, {old} ago", "$muted"),
        Content.styled(note, "$gate-hold"),
    )
