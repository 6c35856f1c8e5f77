"""The record of a cutover: everything that happened, nothing that leaks, and it proves itself."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bootstrap import load, open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.errors import InvalidInput
from engine.ops import catalogue
from engine.ops.reporting import compose, written
from engine.ops.run import run
from engine.report.html import embedded_export, to_html
from engine.report.markdown import to_markdown
from engine.report.plot import HEIGHT, WIDTH, Series, draw
from engine.report.record import Change, Line, Record, Trial

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
HASH = "sha3-256:" + "0" * 64
GATE = {
    "answer": "open",
    "n": 200,
    "mismatches": 1,
    "conditions": [{"name": "drift", "detail": "1 of 200 drifted", "limit": 0.01, "value": 1, "answer": "open"}],
}
LOAD = {"course": [{"at_s": 0.0, "p95_s": 0.02}, {"at_s": 1.0, "p95_s": None}], "slo": {"p95_s": 0.6}}


def record(**changes: Any) -> Record:
    made = Record(
        made_at=NOW + timedelta(hours=1),
        env="demo",
        policy_id="lksg.v1",
        policy_hash=HASH,
        ir_hash=HASH,
        percent=25,
        phase="ramping",
        facts=(("keyring", "version 1"),),
        steps=(),
        changes=(
            Change(NOW, "op-1", "start", 0, None, break_glass=False, reason=""),
            Change(NOW + timedelta(minutes=9), "op-1", "promote", 25, GATE, break_glass=False, reason=HASH),
        ),
        trials=(Trial("load", NOW, "yes", "200 requests", LOAD),),
        trail=(Line(1, NOW, "op-1", "rollout.start", "done", "lksg.v1", HASH),),
        export=b"header\nline\n",
    )
    return replace(made, **changes)


class Reader(html.parser.HTMLParser):
    """Reads what a browser would: tags and their attributes, and the text."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_a_rehearsal_shortened_is_told_in_every_format() -> None:
    """Nobody takes ten seconds of a canary for fifteen minutes of it."""
    short = record(shortened="1:90, canary 10 s for 15 min")
    for document in (Reader(to_html(short)).text, to_markdown(short).decode(), str(short.to_json())):
        assert "1:90, canary 10 s for 15 min" in document
    for document in (Reader(to_html(record())).text, to_markdown(record()).decode()):
        assert "shorter scale" not in document


def test_every_cell_says_what_it_is_where_there_is_no_room_for_a_head() -> None:
    cells = [attributes for tag, attributes in Reader(to_html(record())).tags if tag == "td"]
    assert cells
    assert all(attributes["data-name"] for attributes in cells)


def test_it_tells_what_happened() -> None:
    text = Reader(to_html(record())).text
    for told in ("25 %", "ramping", "1 of 200 drifted", "rollout.start", "200 requests", "version 1"):
        assert told in text


def test_it_runs_nothing_and_fetches_nothing() -> None:
    tags = Reader(to_html(record())).tags
    assert all(attributes.get("type", "").startswith("application/vnd") for tag, attributes in tags if tag == "script")
    assert not [tag for tag, attributes in tags if {"src", "href", "onload", "onclick"} & attributes.keys()]
    assert any("default-src 'none'" in (attributes.get("content") or "") for _, attributes in tags)


@given(st.text(min_size=1))
def test_whatever_was_recorded_is_told_as_text(hostile: str) -> None:
    """No name, phase or object becomes markup."""
    said = f"<script>alert(1)</script>{hostile}\"'>"
    line = Line(1, NOW, said, said, said, said, said)
    told = record(policy_id=said, phase=said, trail=(line,), facts=((said, said),))
    told_as_text = Line(1, NOW, "x", "x", "x", "x", "x")
    plain = [tag for tag, _ in Reader(to_html(record(trail=(told_as_text,)))).tags]
    assert [tag for tag, _ in Reader(to_html(told)).tags] == plain


def test_the_same_record_makes_the_same_bytes() -> None:
    assert to_html(record()) == to_html(record())
    assert to_markdown(record()) == to_markdown(record())


def test_break_glass_is_loud() -> None:
    glass = replace(record().changes[1], break_glass=True)
    assert "break-glass" in Reader(to_html(record(changes=(glass,)))).text
    assert "break-glass" in to_markdown(record(changes=(glass,))).decode()


def test_the_export_inside_is_the_export() -> None:
    assert embedded_export(to_html(record())) == b"header\nline\n"


def test_without_a_checkpoint_it_says_that_it_proves_nothing() -> None:
    assert "cannot prove itself" in Reader(to_html(record(export=b""))).text


def test_a_cell_breaks_no_markdown_table() -> None:
    line = Line(1, NOW, "op-1", "a|b\nc", "done", "`x`", HASH)
    row = next(row for row in to_markdown(record(trail=(line,))).decode().splitlines() if row.startswith("| 1 |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 7


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e9, 1e9)), max_size=20))
def test_a_plot_stays_in_its_frame(points: list[tuple[float, float]]) -> None:
    drawn = draw("title", " %", [Series("s", points)], length_s=100, top=10)
    numbers = [float(number) for number in re.findall(r'c[xy]="([\d.]+)"', drawn)]
    assert all(0 <= number <= max(WIDTH, HEIGHT) for number in numbers)


@pytest.fixture
def ctx(tmp_path: Path) -> EngineContext:
    settings = load({"state_dir": str(tmp_path / "state")}, environ={}, directory=tmp_path)
    return open_context(settings, actor="oncall", clock=ManualClock(NOW), environ={})


def test_names_and_reasons_stay_at_home(ctx: EngineContext, tmp_path: Path) -> None:
    run(catalogue.REGISTRY["policy.publish"], ctx, file="lksg.v1")
    run(catalogue.REGISTRY["rollout.start"], ctx, reason="a supplier called")
    told = compose(ctx, None, "")
    for format in ("html", "markdown", "json"):
        document = written(told, format).decode()
        assert "oncall" not in document
        assert "supplier called" not in document
    assert [change.action for change in told.changes] == ["start"]


def test_the_trail_inside_is_verified_offline(ctx: EngineContext, tmp_path: Path) -> None:
    run(catalogue.REGISTRY["policy.publish"], ctx, file="lksg.v1")
    run(catalogue.REGISTRY["audit.checkpoint"], ctx)
    file = tmp_path / "report.html"
    file.write_bytes(run(catalogue.REGISTRY["report.write"], ctx).document)
    verified = run(catalogue.REGISTRY["audit.verify"], ctx, file=str(file))
    assert verified.subject == "export"
    assert not verified.findings
    file.write_bytes(to_html(record(export=b"")))
    with pytest.raises(InvalidInput, match="no audit trail"):
        run(catalogue.REGISTRY["audit.verify"], ctx, file=str(file))


def test_a_report_altered_by_hand_is_found_out(ctx: EngineContext, tmp_path: Path) -> None:
    run(catalogue.REGISTRY["policy.publish"], ctx, file="lksg.v1")
    run(catalogue.REGISTRY["audit.checkpoint"], ctx)
    told = compose(ctx, None, "")
    file = tmp_path / "report.html"
    file.write_bytes(to_html(replace(told, export=told.export.replace(b"policy.publish", b"policy.punlish"))))
    assert run(catalogue.REGISTRY["audit.verify"], ctx, file=str(file)).findings
