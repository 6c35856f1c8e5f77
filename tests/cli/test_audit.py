"""The audit trail on the command line: shown, verified, exported, proven; what was done to it is told and located."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from engine.bootstrap import load
from engine.clock import SystemClock
from engine.ids import hash_bytes
from engine.registry import SqliteStore
from engine.trust.checkpoint_file import KEYS_NAME, NOTES_NAME
from tests.cli.conftest import Cli
from tests.samples.stored import AT, make_event

RECORDS = 40


@pytest.fixture
def registry() -> Path:
    return load().store_path


@pytest.fixture
def kept() -> Path:
    return load().checkpoint_path


@pytest.fixture
def recorded(cli: Cli, registry: Path) -> Cli:
    """A trail of some length that a checkpoint covers."""
    store = SqliteStore(registry, SystemClock())
    for number in range(RECORDS - 2):
        store.append_audit(make_event("rollout.set", revision=number), at=AT)
    store.close()
    assert cli("audit", "checkpoint").code == 0
    return cli


def tamper(registry: Path, *statements: str) -> None:
    """What somebody does who has the file and knows its tables."""
    connection = sqlite3.connect(registry)
    connection.execute("DROP TRIGGER audit_keeps_every_row_update")
    connection.execute("DROP TRIGGER audit_keeps_every_row_delete")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def positions(cli: Cli, *words: object) -> list[int | None]:
    """Where `audit verify` finds something wrong; its exit code must say the same."""
    outcome = cli("audit", "verify", *words, "--output", "json")
    assert outcome.code == (0 if outcome.data["ok"] else 3)
    return [found["position"] for found in outcome.data["findings"]]


def test_names_and_reasons_are_shown_and_never_recorded(started: Cli, registry: Path) -> None:
    started("rollout", "rollback", "--reason", "supplier Nr. 4711 complained")
    shown = started("audit", "show", "--action", "rollout.rollback", "--outcome", "done")
    assert "tester" in shown.out
    assert "supplier Nr. 4711 complained" in shown.out
    exported = started("audit", "export", "-o", "-").out
    assert "tester" not in exported
    assert "Nr. 4711" not in exported
    assert hash_bytes(b"supplier Nr. 4711 complained") in exported


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--action", "policy"), {"policy.publish"}),
        (("--action", "policy.publish"), {"policy.publish"}),
        (("--action", "pol"), set()),
        (("--actor", "tester"), {"keys.init", "policy.publish", "rollout.start"}),
        (("--actor", "nobody"), set()),
        (("--until", "2020-01-01"), set()),
        (("--since", "2020-01-01"), {"keys.init", "policy.publish", "rollout.start"}),
        (("--outcome", "failed"), set()),
        (("--limit", "1"), {"rollout.start"}),
    ],
)
def test_filters_leave_what_was_asked_for(started: Cli, filters: tuple[str, ...], expected: set[str]) -> None:
    outcome = started("audit", "show", *filters, "--output", "json")
    assert outcome.code == 0, outcome.out + outcome.err
    records = outcome.data["records"]
    assert {record["action"] for record in records} == expected
    assert [record["seq"] for record in records] == sorted((record["seq"] for record in records), reverse=True)


def test_looking_for_somebody_notes_nobody(started: Cli, registry: Path) -> None:
    """A name that was only typed into a filter does not enter the table of actors."""
    started("audit", "show", "--actor", "mallory")
    assert b"mallory" not in registry.read_bytes()


@pytest.mark.parametrize("words", [("--limit", "-1"), ("--since", "yesterday"), ("--until", "12:00")])
def test_a_filter_that_means_nothing_is_refused(started: Cli, words: tuple[str, ...]) -> None:
    assert started("audit", "show", *words).code == 2


def test_every_change_is_signed_when_the_command_ends(started: Cli) -> None:
    outcome = started("audit", "verify", "--output", "json")
    assert outcome.code == 0
    assert outcome.data["records"] == outcome.data["covered"] > 0
    assert outcome.data["remarks"] == []


LINE = "CAST(replace(CAST(line AS TEXT), 'op-0', 'op-1') AS BLOB)"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([f"UPDATE audit SET line = {LINE} WHERE seq = 17"], {17, 18}),
        ([f"UPDATE audit SET line = {LINE} WHERE seq = 1"], {1, 2}),
        (["DELETE FROM audit WHERE seq = 17"], {17}),
        (["DELETE FROM audit WHERE seq = 40"], {40}),
        (["DELETE FROM audit WHERE seq > 30"], {31}),
        (["UPDATE audit SET seq = -seq", "UPDATE audit SET seq = 57 + seq WHERE seq IN (-17, -40)"], None),
        (["INSERT INTO audit SELECT 41, line FROM audit WHERE seq = 40"], {41}),
        (["UPDATE audit SET line = '{}' WHERE seq = 9"], {9, 10}),
        (["DELETE FROM audit", "UPDATE meta SET value = 0 WHERE name = 'audit_seq'"], None),
    ],
)
def test_what_was_done_to_the_registry_is_found_and_located(
    recorded: Cli, registry: Path, statements: list[str], expected: set[int] | None
) -> None:
    tamper(registry, *statements)
    if expected is None:
        assert recorded("audit", "verify").code in (3, 5)
    else:
        assert set(positions(recorded)) & expected


def test_a_whole_registry_that_was_swapped_for_another_is_found(recorded: Cli, registry: Path) -> None:
    """As sound as the first one, and with nobody's promotion in it."""
    registry.unlink()
    assert recorded("policy", "publish", "lksg.v1").code == 0
    outcome = recorded("audit", "verify")
    assert outcome.code == 3
    assert "another registry" in outcome.out
    assert "another registry" in recorded("status").out


def test_a_registry_from_a_backup_is_behind_what_was_signed(cli: Cli, registry: Path) -> None:
    cli("policy", "publish", "lksg.v1")
    backup = registry.read_bytes()
    cli("rollout", "start")
    registry.write_bytes(backup)
    assert positions(cli) == [4]
    assert "missing at the end" in cli("status").out
    refused = cli("audit", "checkpoint", "--yes")
    assert refused.code == 3
    assert "--anew" in refused.err
    assert cli("audit", "checkpoint", "--anew", "--yes").code == 0
    assert positions(cli) == []
    actions = [record["action"] for record in cli("audit", "show", "--output", "json").data["records"]]
    assert actions[:2] == ["audit.checkpoint", "audit.checkpoint"]


def test_a_lost_second_place_is_told_everywhere(started: Cli, kept: Path) -> None:
    (kept / NOTES_NAME).unlink()
    assert positions(started) == [None]
    assert "checkpoints that were made are missing" in started("status").out
    doctor = started("doctor", "--output", "json").data
    assert {check["name"]: check["health"] for check in doctor["checks"]}["audit"] == "fail"


def test_a_second_place_that_cannot_be_written_stops_nothing_and_is_told(
    cli: Cli, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPCTL_CHECKPOINT_DIR", str(kept.parent / "file" / "below"))
    kept.parent.mkdir(parents=True, exist_ok=True)
    (kept.parent / "file").write_text("")
    assert cli("policy", "publish", "lksg.v1").code == 0
    assert positions(cli) == [None]
    assert "The checkpoints cannot be reached" in cli("status").out
    assert cli("audit", "checkpoint", "--yes").code == 5


def test_a_forged_checkpoint_is_found(recorded: Cli, kept: Path) -> None:
    path = kept / NOTES_NAME
    path.write_text(path.read_text().replace("\n40\n", "\n39\n").replace("\n39\n", "\n38\n", 1))
    outcome = recorded("audit", "verify", "--output", "json")
    assert outcome.code == 3
    assert any("signature does not fit" in found["problem"] for found in outcome.data["findings"])


def test_a_lost_key_is_told_once(recorded: Cli, kept: Path) -> None:
    """However many checkpoints there are that cannot be checked without it."""
    assert recorded("policy", "publish", "lksg.v1").code == 0
    (kept / KEYS_NAME).unlink()
    outcome = recorded("audit", "verify", "--output", "json")
    assert outcome.code == 3
    assert outcome.data["covered"] == 0
    [found] = outcome.data["findings"]
    assert "more" in found["place"]


class TestExport:
    def test_two_exports_are_the_same_bytes(self, recorded: Cli, tmp_path: Path) -> None:
        for name in ("a", "b"):
            assert recorded("audit", "export", "-o", tmp_path / name).code == 0
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert len((tmp_path / "a").read_bytes().splitlines()) == RECORDS + 1

    def test_it_is_verified_without_the_registry(
        self, recorded: Cli, registry: Path, kept: Path, tmp_path: Path
    ) -> None:
        recorded("audit", "export", "-o", tmp_path / "export")
        key = (kept / KEYS_NAME).read_text().strip()
        registry.unlink()
        assert positions(recorded, "--file", tmp_path / "export", "--key", key) == []

    def test_an_altered_line_is_found(self, recorded: Cli, tmp_path: Path) -> None:
        path = tmp_path / "export"
        recorded("audit", "export", "-o", path)
        lines = path.read_bytes().split(b"\n")
        for at in (1, 20, RECORDS):
            altered = [
                *lines[:at],
                lines[at].replace(b"rollout", b"rollbut").replace(b"audit.", b"adit."),
                *lines[at + 1 :],
            ]
            path.write_bytes(b"\n".join(altered))
            assert set(positions(recorded, "--file", path)) & {1, at, at + 1}

    @pytest.mark.parametrize("cut", [1, 50, 400])
    def test_a_cut_one_is_refused_or_found(self, recorded: Cli, tmp_path: Path, cut: int) -> None:
        path = tmp_path / "export"
        recorded("audit", "export", "-o", path)
        path.write_bytes(path.read_bytes()[:-cut])
        assert recorded("audit", "verify", "--file", path).code in (2, 3)

    def test_another_key_does_not_vouch_for_it(self, recorded: Cli, tmp_path: Path) -> None:
        recorded("audit", "export", "-o", tmp_path / "export")
        other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        assert recorded("audit", "verify", "--file", tmp_path / "export", "--key", other).code == 3


class TestProof:
    @pytest.mark.parametrize("seq", [1, 17, RECORDS - 1])
    def test_a_record_is_proven_without_the_others(self, recorded: Cli, tmp_path: Path, seq: int) -> None:
        path = tmp_path / "proof"
        assert recorded("audit", "prove", seq, "-o", path).code == 0
        outcome = recorded("audit", "verify", "--proof", path, "--output", "json")
        assert outcome.code == 0
        assert outcome.data["record"]["seq"] == seq
        assert path.read_bytes().count(b'\\"seq\\"') == 1

    def test_an_altered_one_proves_nothing(self, recorded: Cli, tmp_path: Path) -> None:
        path = tmp_path / "proof"
        recorded("audit", "prove", 17, "-o", path)
        proof = json.loads(path.read_bytes())
        proof["line"] = proof["line"].replace("op-0", "op-1")
        path.write_text(json.dumps(proof))
        assert positions(recorded, "--proof", path) == [17]

    def test_the_readers_own_checkpoint_is_continued(self, recorded: Cli, tmp_path: Path) -> None:
        old, path = tmp_path / "old", tmp_path / "proof"
        assert recorded("audit", "checkpoint", "-o", old).code == 0
        recorded("policy", "publish", "lksg.v1")
        recorded("audit", "prove", RECORDS + 3, "--since", old, "-o", path)
        assert positions(recorded, "--proof", path, "--checkpoint", old) == []
        recorded("audit", "prove", RECORDS + 3, "-o", path)
        assert positions(recorded, "--proof", path, "--checkpoint", old) == [RECORDS + 3]

    @pytest.mark.parametrize("seq", [0, -1, 10_000])
    def test_what_is_not_there_cannot_be_proven(self, recorded: Cli, seq: int) -> None:
        assert recorded("audit", "prove", "--", seq).code == 5

    def test_before_the_first_checkpoint_there_is_nothing_to_prove(self, cli: Cli) -> None:
        assert cli("audit", "prove", 1).code == 4
        assert cli("audit", "export").code == 4


def test_a_rehearsed_checkpoint_signs_nothing(recorded: Cli, kept: Path) -> None:
    before = (kept / NOTES_NAME).read_bytes()
    assert recorded("audit", "checkpoint", "--anew", "--dry-run").code == 0
    assert (kept / NOTES_NAME).read_bytes() == before


@pytest.mark.parametrize("words", [("--file", "a", "--proof", "b"), ("--key", "rubbish+x+y")])
def test_a_question_that_means_nothing_is_refused(recorded: Cli, words: tuple[str, ...]) -> None:
    assert recorded("audit", "verify", *words).code == 2
