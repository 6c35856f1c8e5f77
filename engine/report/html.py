"""The report as one HTML file: no script, nothing fetched, good on paper.

Everything that is told is escaped. The export of the audit trail and the record as data lie in it as inert text, so
that the file proves itself: `capctl audit verify --file REPORT.html`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any, Final

from engine.canonical import canonical_json
from engine.report.plot import VERMILION, Series, draw
from engine.report.record import Change, Record, Trial, clock_text

EXPORT_BEGINS: Final = '<script type="application/vnd.capctl.audit-export+base64" id="audit-export">'
DATA_BEGINS: Final = '<script type="application/vnd.capctl.report+base64" id="report-data">'
_SCRIPT_ENDS: Final = "</script>"

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_WORDS: Final = {"yes": "✔ yes", "no": "✘ no", "hold": "◼ hold", "open": "✔ open", "closed": "✘ closed"}
_CLASSES: Final = {
    "yes": "yes",
    "open": "yes",
    "done": "yes",
    "no": "no",
    "closed": "no",
    "failed": "no",
    "refused": "no",
}


_CELLS: Final = {
    **dict.fromkeys(("when", "gate", "step", "state", "what", "outcome"), ' class="time"'),
    "enforced": ' class="num"',
    "record": ' class="num"',
}


def to_html(record: Record) -> bytes:
    """Write the report. The same record makes the same bytes."""
    title = f"{record.policy_id} in {record.env}"
    style = (files("engine.report") / "report.css").read_text()
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · cutover record</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{style}</style></head><body>'
    )
    return "".join([head, *_body(record, title), *_embedded(record), "</body></html>\n"]).encode()


def embedded_export(document: bytes) -> bytes:
    """The audit export inside a report, unverified.

    Raises:
        ValueError: There is none.
    """
    begin = document.index(EXPORT_BEGINS.encode()) + len(EXPORT_BEGINS)
    return base64.b64decode(document[begin : document.index(_SCRIPT_ENDS.encode(), begin)], validate=True)


def _body(record: Record, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    made = escape(clock_text(record.made_at))
    yield f'<p class="dim">Cutover record, made {made} · times in UTC · people by pseudonym</p>'
    yield f'<p class="lead">{_lead(record)}</p>'
    if record.shortened:
        short = escape(record.shortened)
        yield f'<p><span class="hold">Rehearsed at a shorter scale than production\'s:</span> {short}.</p>'
    yield _facts(record)
    if record.steps:
        yield _section("The plan", _steps(record))
    if record.changes:
        yield _section("The rollout", [*_plots(record.changes, record.made_at), _changes(record.changes)])
    for trial in record.trials:
        yield _section(f"{trial.kind.capitalize()}, {clock_text(trial.at)}", _trial(trial))
    yield _section("What was done", [_trail(record)])
    yield _section("How to check this file", _checking(record))


def _lead(record: Record) -> str:
    if record.percent is None:
        return "No rollout was ever started: nothing is enforced."
    glass = any(change.break_glass for change in record.changes)
    ended = (
        f"<strong>{record.percent:g} %</strong> is enforced; the rollout is {escape(record.phase.replace('_', ' '))}."
    )
    return ended + (' <span class="no">A gate was passed by break-glass.</span>' if glass else "")


def _facts(record: Record) -> str:
    pairs = (("policy", record.policy_hash), ("IR", record.ir_hash), *record.facts)
    rows = (f'<dt>{escape(name)}</dt><dd class="hash">{escape(value) or "–"}</dd>' for name, value in pairs)
    return f"<dl>{''.join(rows)}</dl>"


def _steps(record: Record) -> Iterator[str]:
    yield _table(
        ("step", "state", "when", "evidence"),
        (
            (escape(step.title), _coloured(step.state), clock_text(step.at) if step.at else "", escape(step.evidence))
            for step in record.steps
        ),
    )


def _plots(changes: Sequence[Change], end: datetime) -> Iterator[str]:
    begin = changes[0].at
    length_s = (end - begin).total_seconds()
    enforced = [((change.at - begin).total_seconds(), change.percent) for change in changes]
    yield draw(
        "Enforced share over time", " %", [Series("enforced", enforced, stepped=True)], length_s=length_s, top=100
    )
    drift = [
        ((change.at - begin).total_seconds(), change.drift_ratio * 100)
        for change in changes
        if change.drift_ratio is not None
    ]
    limits = [change.drift_limit * 100 for change in changes if change.drift_limit is not None]
    if drift and limits:
        limit = [(0.0, limits[-1]), (length_s, limits[-1])]
        series = [
            Series("drift at each look of the gate", drift, joined=False),
            Series("limit", limit, VERMILION, dashed=True),
        ]
        top = max(2 * limits[-1], *(value for _, value in drift))
        yield draw("Drift at each gate", " %", series, length_s=length_s, top=top)


def _changes(changes: Sequence[Change]) -> str:
    return _table(
        ("when", "who", "what", "enforced", "gate", "on which evidence"),
        (
            (
                clock_text(change.at),
                f"<code>{escape(change.actor)}</code>",
                escape(change.action) + (' <span class="no">break-glass</span>' if change.break_glass else ""),
                f"{change.percent:g} %",
                _coloured(str(change.gate["answer"])) if change.gate else "not asked",
                "<br>".join(escape(each["detail"]) for each in change.gate["conditions"]) if change.gate else "",
            )
            for change in changes
        ),
    )


def _trial(trial: Trial) -> Iterator[str]:
    yield f"<p>{_coloured(trial.answer)} {escape(trial.summary)}</p>"
    if trial.kind == "load":
        yield _latency(trial, trial.result["course"])


def _latency(trial: Trial, course: Sequence[Mapping[str, Any]]) -> str:
    points = [(slot["at_s"], slot["p95_s"] * 1000) for slot in course if slot["p95_s"] is not None]
    if not points:
        return ""
    limit_ms, length_s = float(trial.result["slo"]["p95_s"]) * 1000, max(at for at, _ in points)
    top = max(value for _, value in points) * 1.25
    series = [Series(f"95th percentile (the limit is {limit_ms:g} ms)", points)]
    if limit_ms <= top:
        series.append(Series("limit", [(0.0, limit_ms), (length_s, limit_ms)], VERMILION, dashed=True))
    return draw("Latency under load, 95th percentile", " ms", series, length_s=length_s, top=top)


def _trail(record: Record) -> str:
    return _table(
        ("record", "when", "who", "what", "outcome", "about", "evidence"),
        (
            (
                str(line.seq),
                clock_text(line.at),
                f"<code>{escape(line.actor)}</code>",
                escape(line.action),
                _coloured(line.outcome),
                escape(line.object),
                f'<span class="hash">{escape(line.evidence[:20])}{"…" if len(line.evidence) > 20 else ""}</span>',
            )
            for line in record.trail
        ),
    )


def _checking(record: Record) -> Iterator[str]:
    if not record.export:
        yield "<p>The audit trail had no signed checkpoint yet, so this file cannot prove itself.</p>"
        return
    yield "<p>The whole audit trail lies in this file, with its signed checkpoint. Offline, without this registry:</p>"
    yield "<p><code>capctl audit verify --file THIS-FILE --key KEY</code></p>"
    yield '<p class="dim">Take the verifier key from a place that is not this file.</p>'


def _embedded(record: Record) -> Iterator[str]:
    yield f"{DATA_BEGINS}{base64.b64encode(canonical_json(record.to_json())).decode()}{_SCRIPT_ENDS}"
    if record.export:
        yield f"{EXPORT_BEGINS}{base64.b64encode(record.export).decode()}{_SCRIPT_ENDS}"


def _section(title: str, parts: Iterable[str]) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(_cell(name, cell) for name, cell in zip(names, row, strict=True))}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, content: str) -> str:
    return f'<td data-name="{escape(name)}"{_CELLS.get(name, "")}>{content}</td>'


def _coloured(word: str) -> str:
    kind = _CLASSES.get(word, "hold" if word == "hold" else "")
    said = escape(_WORDS.get(word, word))
    return f'<span class="{kind}">{said}</span>' if kind else said
