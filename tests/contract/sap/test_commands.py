"""The pilot as commands: the user's own lines, resuming, refusing, and nothing personal left behind."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from capctl.__main__ import cap_adapter, main
from capctl.tui.app import ControlRoom
from capctl.tui.sampling import sampler
from engine.sap.credentials import Credentials
from engine.sap.simulator import SimulatorOptions, SimulatorServer
from engine.sap.simulator.schema import SUPPLIERS
from tests.contract.sap.conftest import Simulate
from tests.tui.conftest import text_of, toasts

TODAY = datetime.now(UTC).date()
"""Commands evaluate at the machine's time, and audits must be recent by it."""


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `cap-adapter pull|writeback` or any `capctl ...` in an empty folder, with lksg.v1 published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("SAP_URL", "SAP_CLIENT", "SAP_USER", "SAP_PASSWORD", "BASE", "TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def command(line: str, *words: str) -> Said:
        program, *rest = line.split()
        monkeypatch.setattr(sys, "argv", [program, *rest, *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        code = (cap_adapter if program == "cap-adapter" else main)()
        out, err = capfd.readouterr()
        return Said(code, out, err)

    assert command("capctl policy publish lksg.v1").code == 0
    return command


def pulled_and_verified(run: Run, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAP_URL", simulator.url)
    monkeypatch.setenv("SAP_CLIENT", "100")
    assert run("cap-adapter pull --odata", simulator.url, "--client", "100", "--out", "context.json").code == 0
    assert run("capctl pilot verify --in context.json -o verify.json").code == 3  # some suppliers fail, as they should


WRITEBACK = "cap-adapter writeback --in verify.json --table Z_CAP_SUPPLIER_STATUS --idempotency RUN_123"


def test_the_users_own_lines(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pull, verify, write back; the same again writes nothing and says so; every row carries three hashes."""
    simulator = simulate(today=TODAY)
    pulled_and_verified(run, simulator, monkeypatch)
    first, again = run(WRITEBACK), run(WRITEBACK)
    assert (first.code, first.out.splitlines()[0]) == (0, "50/50 written, 0 duplicates, read back and equal")
    assert "Nothing was written" in again.out
    result = json.loads(Path("verify.json").read_bytes())
    hashes = {(row["ManifestHash"], row["PolicyHash"], row["IrHash"]) for row in simulator.status_rows()}
    assert hashes == {(result["manifest_hash"], result["policy_hash"], result["ir_hash"])}
    by_status = {s: sum(row["Status"] == s for row in simulator.status_rows()) for s in ("OK", "WARN", "FAIL")}
    assert by_status == {"OK": 39, "WARN": 4, "FAIL": 7}


def test_a_result_edited_by_hand_is_refused(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """One verdict turned from fail to ok: the signature no longer fits, and nothing is written."""
    simulator = simulate()
    pulled_and_verified(run, simulator, monkeypatch)
    edited = Path("verify.json").read_text().replace('"verdict":"fail"', '"verdict":"ok"', 1)
    Path("verify.json").write_text(edited)
    said = run(WRITEBACK, "--output", "json")
    assert (said.code, json.loads(said.out)["error"]["code"]) == (3, "trust.signature_invalid")
    assert simulator.status_rows() == []


def test_a_result_of_another_run_is_a_conflict(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verified anew, the content is another: exit code 6, and --update is what it takes."""
    simulator = simulate()
    pulled_and_verified(run, simulator, monkeypatch)
    assert run(WRITEBACK).code == 0
    simulator.store.replace(
        SUPPLIERS, {**simulator.store.get(SUPPLIERS, {"SupplierId": "0000000001"}).entity, "Tier": 9}
    )  # type: ignore[union-attr]
    pulled_and_verified(run, simulator, monkeypatch)
    refused = run(WRITEBACK)
    assert (refused.code, "Idempotency key reused" in refused.err) == (6, True)
    assert run(WRITEBACK, "--update").code == 0
    assert len(simulator.status_rows()) == 50


def test_a_dry_run_shows_every_row_and_writes_none(
    run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in SAP nor in the outbox."""
    simulator = simulate()
    pulled_and_verified(run, simulator, monkeypatch)
    said = run(WRITEBACK, "--dry-run", "--output", "json")
    planned = json.loads(said.out)["planned"]
    assert [row["action"] for row in planned] == ["create"] * 50
    assert simulator.status_rows() == []
    assert json.loads(run("capctl pilot status --output json").out)["run"] is None


def test_one_command_in_portions(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pilot run`: its evidence lists every portion, and hangs on the audit trail by its hash."""
    simulator = simulate(today=TODAY)
    monkeypatch.setenv("SAP_URL", simulator.url)
    monkeypatch.setenv("SAP_CLIENT", "100")
    said = run("capctl pilot run --idempotency RUN_7 --portion 20 --output json")
    report = json.loads(said.out)
    assert (said.code, report["created"], len(report["evidence"]["manifest_hash"])) == (0, 50, 3)
    status = json.loads(run("capctl pilot status RUN_7 --output json").out)["run"]
    assert (status["stage"], status["confirmed"], status["verdicts"]["fail"]) == ("proven", 50, 7)
    assert audited(report["evidence_hash"], "RUN_7")


def audited(evidence_hash: str, run_id: str) -> bool:
    from engine.bootstrap import load, open_context

    with open_context(load()) as ctx:
        events = [record.event for record in ctx.store.audit_tail()]
    return any(
        (e.action, e.outcome, e.object, e.evidence) == ("pilot.run", "done", run_id, evidence_hash) for e in events
    )


def test_two_write_backs_of_one_run_at_once(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told so, with exit code 6."""
    from contextlib import closing

    from engine.bootstrap import load
    from engine.sap.outbox import Outbox

    pulled_and_verified(run, simulate(), monkeypatch)
    with closing(Outbox(load().state_dir / "sap" / "outbox.sqlite")) as outbox, outbox.lock("RUN_123"):
        said = run(WRITEBACK)
    assert (said.code, "under way" in said.err) == (6, True)


def test_a_rotated_secret_still_writes_back_what_was_pulled_before(
    run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old pseudonyms stay resolvable; new pulls use the new secret."""
    simulator = simulate()
    pulled_and_verified(run, simulator, monkeypatch)
    before = json.loads(Path("context.json").read_text())["variables"]["supplier_key_id"]
    after = json.loads(run("capctl pilot rotate --output json").out)
    assert after["known"] == [before, after["key_id"]]
    assert run(WRITEBACK).code == 0
    assert run("cap-adapter pull --out context.json").code == 0
    assert json.loads(Path("context.json").read_text())["variables"]["supplier_key_id"] == after["key_id"]


def test_numbers_can_be_kept_in_a_private_file(run: Run, simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then write-back need not read the suppliers again; a file that others can read is refused."""
    simulator = simulate()
    pulled_and_verified(run, simulator, monkeypatch)
    assert run("cap-adapter pull --out context.json --keep-map numbers.json").code == 0
    assert Path("numbers.json").stat().st_mode & 0o777 == 0o600
    simulator.behave(SimulatorOptions(without=("Jurisdiction",)))  # suppliers cannot be read any more
    assert run(WRITEBACK, "--map", "numbers.json").code == 0
    Path("numbers.json").chmod(0o644)
    assert "open to other users" in run(WRITEBACK, "--map", "numbers.json").err


PLANTED = [
    *(f"Zzyzx Geheimrat {n} Söhne KG" for n in range(20)),
    *(f"73{n:02d}048265" for n in range(20)),
    *(f"DE9937040044053299{n:02d}00" for n in range(18)),
    *("PILOTUSER", "tr0ub4dor&3-secret"),
]
"""Sixty names, numbers and secrets that must stay on SAP's side."""


def test_nothing_planted_is_found_in_anything_written_or_printed(
    run: Run,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """A full run and its error paths: files, ledger, registry, audit trail, stdout, stderr, screens, toasts."""
    credentials = Credentials(*PLANTED[-2:])
    simulator = simulate(count=1, user=credentials.user, password=credentials.password, lock_after=99)
    names, numbers, ibans = PLANTED[:20], PLANTED[20:40], PLANTED[40:58]
    for position, (name, number) in enumerate(zip(names, numbers, strict=True)):
        row = simulator.store.get(SUPPLIERS, {"SupplierId": "0000000001"}).entity  # type: ignore[union-attr]
        planted = {"SupplierId": number, "SupplierName": name, "Iban": ibans[position % len(ibans)]}
        simulator.store.insert(SUPPLIERS, [{**row, **planted}])
    printed = [*run_everything(run, simulator, credentials, monkeypatch)]
    theirs = {path for path in tmp_path.iterdir() if path.name.startswith("simulator.sqlite")}
    files = [path for path in [*tmp_path.rglob("*"), *state_files()] if path.is_file() and path not in theirs]
    written = {str(path): path.read_bytes() for path in files}
    assert len(written) > 5
    for planted in PLANTED:
        found = [name for name, data in written.items() if planted.encode() in data]
        assert found == [], planted
        assert not any(planted in text for text in printed), planted
    record_property("tried", f"{len(PLANTED)} values, {len(written)} files, {len(printed)} texts")


async def screens(size: tuple[int, int], *keys: str) -> list[str]:
    """What the Pilot screen, its dialogs and its toasts say while keys are pressed, on the real engine."""
    from engine.bootstrap import load, open_context

    said = []
    with open_context(load(), actor="oncall") as ctx:
        room = ControlRoom(ctx, sample=sampler(ctx))
        async with room.run_test(size=size, notifications=True) as pilot:
            await pilot.press("2")
            for key in ("question_mark", "escape", *keys):
                await pilot.press(key)
                await settled(room, pilot)
                said += [text_of(room), *toasts(room), repr(room.state)]
    return said


async def settled(room: ControlRoom, pilot: Pilot[None]) -> None:
    """Wait until nothing runs and the pilot was looked at. The test's own time limit ends a wait that is in vain."""
    while room.state.reading("pilot").snapshot is None or any(run.is_running for run in room.state.activities):
        await pilot.pause(0.02)
    room.look_again()
    await pilot.pause()


def state_files() -> list[Path]:
    from engine.bootstrap import load

    return list(load().state_dir.rglob("*"))


def run_everything(
    run: Run, simulator: SimulatorServer, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What a full run and several failures print."""
    said = []
    monkeypatch.setenv("SAP_USER", credentials.user)
    monkeypatch.setenv("SAP_PASSWORD", credentials.password)
    pulled_and_verified(run, simulator, monkeypatch)
    said += [run(WRITEBACK), run(WRITEBACK, "--output", "json"), run("capctl pilot run --idempotency RUN_9")]
    said += [run("capctl pilot status --output json"), run("capctl pilot status"), run(WRITEBACK, "--client", "999")]
    shown = [text for size in SIZES for text in asyncio.run(screens(size, *"cdfg", "y", "end", "left"))]
    assert any("written, 0 duplicates, read back and equal" in text for text in shown)
    simulator.store._db.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON SupplierStatusSet BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    said.append(run("capctl pilot run --idempotency RUN_10"))
    shown += asyncio.run(screens(SIZES[0], "g", "y"))
    assert any("refused" in text for text in shown)
    monkeypatch.setenv("SAP_PASSWORD", "wrong")
    said.append(run(WRITEBACK))
    shown += asyncio.run(screens(SIZES[1], "c", "g"))
    assert any("Do not try again" in text for text in shown)
    assert [s.code for s in said] == [0, 0, 0, 0, 0, 3, 3, 3]
    audit = [run("capctl audit show --limit 0 --output json"), run("capctl audit show"), run("capctl audit verify")]
    assert [s.code for s in audit] == [0, 0, 0]
    return [*(s.out + s.err for s in (*said, *audit)), *shown]


SIZES = ((80, 24), (160, 45))
