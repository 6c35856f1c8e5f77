"""The last drill of each kind, by its signed report: the answer, how long recovery takes, how much would be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import heading, page, row
from capctl.tui.recovery import look_of, rpo_s, rto_s
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.keys_accepted import SHORT
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, count, duration, latency
from engine.recovery import DrillKind, KeptReport

KEYS: Final[Mapping[DrillKind, str]] = {"restore": "d", "rotation": "o"}
"""The key that begins each kind."""


class RecoveryDrills(Panel):
    """The report of the last restore drill, and of the last rotation drill."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the kinds below each other."""
        look = look_of(state)
        lines = [heading("Drills", "the last ones, by their signed reports; d and o rehearse again", size.width)]
        if look is not None:
            for kind, key in KEYS.items():
                lines += _drill(look.drills.get(kind), kind, key, state.now)
        return page([line.truncate(size.width, ellipsis=True) for line in lines[: size.height or None]])


def _drill(report: KeptReport | None, kind: DrillKind, key: str, now: datetime) -> Iterator[Content]:
    if report is None:
        yield row(
            Content.styled("· ", "$muted"),
            Content.styled(f"{kind}: ", "bold"),
            Content.styled(f"never rehearsed; {key} does it", "$muted"),
        )
        return
    glyph, word, tone = ("○", "passed", "$gate-open") if report.ok else ("■", "FAILED", "$gate-closed")
    yield row(
        Content.styled(f"{glyph} ", f"bold {tone}"),
        Content.styled(f"{kind}: ", "bold"),
        Content.styled(word, f"bold {tone}"),
        f" {age((now - report.started_at).total_seconds())} ago",
        Content.styled(f"  signed by {report.signed_by[:SHORT]}…", "$muted"),
    )
    yield from (_indented(text) for text in TOLD[kind](report.facts))


def _indented(text: str) -> Content:
    return Content(f"  {text}")


def _restore(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a restore drill is done for: the two figures, what was compared, and where the time went."""
    source = "a backup made for it" if facts["backup"]["is_fresh"] else "a kept backup"
    yield f"back in {latency(rto_s(facts))} (RTO) · {duration(rpo_s(facts))} missing (RPO) · {source}"
    ready = facts["readyz"]["status"] == 200
    verifier = "ready" if ready else f"not ready ({', '.join(facts['readyz']['reasons'])})"
    yield f"verifier {verifier} · {facts['equal']} of {facts['policies']} policies equal"
    for difference in facts["differences"][:2]:
        yield f"! {difference['policy_id']}: {difference['problem']}"
    yield "  ".join(f"{step['name']} {latency(step['duration_ms'] / 1000)}" for step in facts["steps"])


def _rotation(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a rotation drill is done for: nobody refused meanwhile, and the old key ended when it was said to."""
    verified, old = facts["verified"], facts["old_key"]
    yield f"{count(verified['old'] + verified['new'])} verifications, {count(verified['failed'])} failed"
    on_time = not old["refused_before"] and not old["accepted_after"]
    ended = f"tried {count(old['refused_after'])} times after its end" if on_time else "NOT refused when it should be"
    yield f"old key refused: {ended}"


TOLD: Final = {"restore": _restore, "rotation": _rotation}
