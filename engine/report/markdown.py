"""The report as Markdown, for a ticket or a wiki: the same facts without plots."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from engine.report.record import Record, clock_text


def to_markdown(record: Record) -> bytes:
    """Write the report. The same record makes the same bytes."""
    return ("\n".join(_lines(record)) + "\n").encode()


def _lines(record: Record) -> Iterator[str]:
    yield f"# {_plain(record.policy_id)} in {_plain(record.env)}: cutover record"
    yield ""
    yield f"Made {clock_text(record.made_at)}; times in UTC; people by pseudonym."
    yield ""
    enforced = "No rollout was ever started." if record.percent is None else f"**{record.percent:g} %** is enforced."
    yield f"{enforced} Rollout: {_plain(record.phase.replace('_', ' ')) or 'none'}."
    yield ""
    if record.shortened:
        yield f"**Rehearsed at a shorter scale than production's:** {_plain(record.shortened)}."
        yield ""
    for name, value in (("policy", record.policy_hash), ("IR", record.ir_hash), *record.facts):
        yield f"- {_plain(name)}: {_plain(value) or '–'}"
    yield from _section(
        "The plan", ("step", "state", "evidence"), ((s.title, s.state, s.evidence) for s in record.steps)
    )
    yield from _section(
        "The rollout",
        ("when", "who", "what", "enforced", "gate"),
        (
            (
                clock_text(change.at),
                change.actor,
                change.action + (" (break-glass)" if change.break_glass else ""),
                f"{change.percent:g} %",
                str(change.gate["answer"]) if change.gate else "not asked",
            )
            for change in record.changes
        ),
    )
    yield from _section(
        "Trials",
        ("when", "what", "answer", "result"),
        ((clock_text(trial.at), trial.kind, trial.answer, trial.summary) for trial in record.trials),
    )
    yield from _section(
        "What was done",
        ("record", "when", "who", "what", "outcome", "about"),
        (
            (str(line.seq), clock_text(line.at), line.actor, line.action, line.outcome, line.object)
            for line in record.trail
        ),
    )


def _section(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    written = [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows]
    if written:
        yield from ("", f"## {title}", "", f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}", *written)


def _plain(text: str) -> str:
    """Text that means nothing to a Markdown reader."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))
