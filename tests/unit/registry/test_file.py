"""The registry's file: who may read it, what may stand in its place, and what is said when something does."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.errors import NotFound, Unavailable
from engine.registry import SqliteStore
from engine.registry.schema import VERSION
from tests.samples.stored import AT, first_state, make_change, make_event, make_ir

LOOKS: list[Callable[[SqliteStore], object]] = [
    SqliteStore.policies,
    SqliteStore.reference_sets,
    SqliteStore.rollouts,
    SqliteStore.version_token,
    SqliteStore.audit_tail,
    lambda store: list(store.audit_lines()),
    lambda store: store.evidence("p.v1"),
    lambda store: store.rollout("p.v1"),
    lambda store: store.actor_name("op-0"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "capctl.sqlite"


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[..., SqliteStore]]:
    opened: list[SqliteStore] = []

    def open_again(**options: object) -> SqliteStore:
        opened.append(SqliteStore(path, ManualClock(), **{"busy_timeout_s": 0.05, **options}))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


def write(store: SqliteStore) -> None:
    store.append_audit(make_event(), at=AT)


def fill(store: SqliteStore) -> None:
    store.publish(make_ir(), b"id: p.v1\n", at=AT, audit=make_event())
    store.import_set("list", frozenset({"member-one", "member-two"}), at=AT, audit=make_event())
    store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
    store.close()


def refusal(store: SqliteStore, use: Callable[[SqliteStore], object] = write) -> Unavailable:
    """The error a use ends in, after checking that it is one for people and does not tell about the machine."""
    with pytest.raises(Unavailable) as caught:
        use(store)
    error = caught.value
    assert "capctl.sqlite" in error.message
    assert "\n" not in error.message + error.hint
    assert error.hint
    assert "/" not in error.message, "the message tells more about the machine than the file's name"
    return error


class TestComingIntoBeing:
    @pytest.mark.parametrize("look", LOOKS)
    def test_looking_at_a_store_that_does_not_exist_finds_it_empty_and_makes_nothing(
        self, open_store: Callable[..., SqliteStore], path: Path, look: Callable[[SqliteStore], object]
    ) -> None:
        assert not look(open_store()) or look is SqliteStore.version_token or look is LOOKS[-1]
        assert not path.parent.exists()

    def test_a_dry_run_makes_nothing(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        store = open_store()
        with store.rehearsal():
            write(store)
            assert store.audit_head().seq == 1
        assert store.audit_head().seq == 0
        assert not path.parent.exists()

    def test_an_error_about_another_file_is_not_taken_for_one_about_the_registry(
        self, open_store: Callable[..., SqliteStore]
    ) -> None:
        with pytest.raises(PermissionError), open_store().rehearsal():
            raise PermissionError(13, "not this file", "plan.json")

    def test_the_first_write_makes_it_for_its_owner_only(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        os.umask(old := os.umask(0))
        os.umask(0)
        try:
            write(open_store())
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}

    def test_a_store_that_found_nothing_sees_what_another_one_makes(
        self, open_store: Callable[..., SqliteStore]
    ) -> None:
        early = open_store()
        token = early.version_token()
        assert early.policies() == []
        fill(open_store())
        assert len(early.policies()) == 1
        assert early.version_token() != token

    def test_an_empty_file_left_by_a_killed_process_is_filled(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        path.parent.mkdir(mode=0o700)
        path.touch(mode=0o600)
        assert open_store().policies() == []
        fill(open_store())
        assert len(open_store().policies()) == 1

    def test_many_processes_may_make_it_at_once(self, path: Path) -> None:
        code = (
            "import sys, pathlib; from engine.clock import SystemClock; from engine.registry import SqliteStore;"
            "from tests.samples.stored import AT, make_event;"
            "store = SqliteStore(pathlib.Path(sys.argv[1]), SystemClock());"
            "sys.stdin.read(1); print(store.pseudonym('anna'), store.append_audit(make_event(), at=AT).seq)"
        )
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(6)
        ]
        answers = [racer.communicate("g")[0].split() for racer in racers]
        assert len({known_as for known_as, _ in answers}) == 1
        assert sorted(int(seq) for _, seq in answers) == [1, 2, 3, 4, 5, 6]


class TestSomethingElseInItsPlace:
    def test_directory(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        path.mkdir(parents=True)
        assert "is a directory" in refusal(open_store()).message
        assert "is a directory" in refusal(open_store(), SqliteStore.policies).message

    def test_symbolic_link(self, open_store: Callable[..., SqliteStore], path: Path, tmp_path: Path) -> None:
        fill(open_store())
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        assert "is a symbolic link" in refusal(open_store()).message
        assert "is a symbolic link" in refusal(open_store(), SqliteStore.policies).message

    def test_pipe(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        path.parent.mkdir()
        os.mkfifo(path)
        assert "device or pipe" in refusal(open_store()).message

    @pytest.mark.parametrize("use", [write, SqliteStore.policies])
    def test_file_that_is_no_database(
        self, open_store: Callable[..., SqliteStore], path: Path, use: Callable[[SqliteStore], object]
    ) -> None:
        path.parent.mkdir()
        path.write_bytes(b"[dev]\nthis = 'is a configuration file'\n" * 100)
        path.chmod(0o600)
        content = path.read_bytes()
        assert refusal(open_store(), use).code == "registry.not_a_registry"
        assert path.read_bytes() == content

    @pytest.mark.parametrize("use", [write, SqliteStore.policies])
    def test_database_of_another_program(
        self, open_store: Callable[..., SqliteStore], path: Path, use: Callable[[SqliteStore], object]
    ) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.close()
        path.chmod(0o600)
        content = path.read_bytes()
        assert refusal(open_store(), use).code == "registry.not_a_registry"
        assert path.read_bytes() == content

    @pytest.mark.parametrize("use", [write, SqliteStore.policies])
    def test_store_of_a_newer_release(
        self, open_store: Callable[..., SqliteStore], path: Path, use: Callable[[SqliteStore], object]
    ) -> None:
        fill(open_store())
        _alter(path, f"PRAGMA user_version = {VERSION + 1}")
        error = refusal(open_store(), use)
        assert error.code == "registry.newer_version"
        assert "Upgrade" in error.hint

    def test_store_that_everybody_can_read(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        fill(open_store())
        path.chmod(0o644)
        assert refusal(open_store(), SqliteStore.policies).code == "registry.exposed"
        path.chmod(0o600)
        assert len(open_store().policies()) == 1

    def test_state_directory_that_is_a_file(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        path.parent.write_text("not a directory")
        assert refusal(open_store(), SqliteStore.policies).code == "registry.unreachable"
        assert refusal(open_store()).code == "registry.unreachable"


class TestInUse:
    def test_a_lock_held_for_too_long_names_the_process_that_holds_it(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        fill(open_store())
        holder = _hold_lock(path)
        try:
            store = open_store()
            assert len(store.policies()) == 1, "looking never waits for a writer"
            error = refusal(store)
        finally:
            holder.communicate("done")
        assert error.code == "registry.locked"
        assert f"process {holder.pid} (python" in error.message
        write(store)

    def test_threads_share_a_store(self, open_store: Callable[..., SqliteStore]) -> None:
        store = open_store(busy_timeout_s=30.0)
        problems: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(25):
                    write(store)
                    store.audit_tail(limit=3)
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert store.audit_head().seq == len(list(store.audit_lines())) == 150

    def test_a_thread_never_joins_the_dry_run_of_another(self, open_store: Callable[..., SqliteStore]) -> None:
        store = open_store(busy_timeout_s=30.0)
        write(store)
        seen: list[int] = []
        with store.rehearsal():
            write(store)
            reader = threading.Thread(target=lambda: seen.append(store.audit_head().seq))
            writer = threading.Thread(target=write, args=(store,))
            reader.start()
            reader.join()
            writer.start()
        writer.join()
        assert seen == [1]
        assert store.audit_head().seq == 2

    def test_a_store_replaced_by_a_restore_is_followed(
        self, open_store: Callable[..., SqliteStore], path: Path, tmp_path: Path
    ) -> None:
        store = open_store()
        write(store)
        token = store.version_token()
        restored = SqliteStore(tmp_path / "restored", ManualClock())
        fill(restored)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        (tmp_path / "restored").rename(path)
        assert store.version_token() != token
        assert len(store.policies()) == 1
        write(store)
        assert open_store().audit_head().seq == 4

    def test_a_store_that_vanishes_is_not_taken_for_an_empty_one(
        self, open_store: Callable[..., SqliteStore], path: Path, tmp_path: Path
    ) -> None:
        store = open_store()
        store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
        store.close()
        store.version_token()
        write(store)
        path.rename(tmp_path / "away")
        for use in (SqliteStore.version_token, SqliteStore.rollouts, write):
            assert refusal(store, use).code == "registry.vanished"
        (tmp_path / "away").rename(path)
        assert store.rollout("p.v1") == first_state()
        write(store)

    def test_a_store_replaced_by_rubbish_is_refused_until_it_is_put_right(
        self, open_store: Callable[..., SqliteStore], path: Path, tmp_path: Path
    ) -> None:
        store = open_store()
        write(store)
        store.version_token()
        path.rename(tmp_path / "away")
        path.write_bytes(b"rubbish" * 1000)
        path.chmod(0o600)
        for use in (write, SqliteStore.policies, write, SqliteStore.policies):
            assert refusal(store, use).code == "registry.not_a_registry"
        (tmp_path / "away").rename(path)
        write(store)
        assert store.audit_head().seq == 2

    def test_a_store_opened_for_looking_refuses_every_change(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        fill(open_store())
        store = open_store(read_only=True)
        assert refusal(store).code == "registry.read_only"
        assert store.pseudonym("anna") == open_store().pseudonym("anna")
        assert len(store.policies()) == 1


class TestDamage:
    def test_a_page_that_goes_bad_later_is_told_as_damage(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        store = open_store()
        for number in range(300):
            store.keep(make_ir(f"p{number}.v1"))
        store.close()
        pages = path.stat().st_size // 4096
        with path.open("r+b") as file:
            for page in range(1, pages):
                file.seek(page * 4096)
                file.write(b"\xa5" * 4096)
        codes = {refusal(open_store(), use).code for use in (write, SqliteStore.policies, SqliteStore.audit_head)}
        assert codes == {"registry.damaged"}

    def test_a_file_cut_short_is_told_as_damage(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        fill(open_store())
        os.truncate(path, path.stat().st_size // 2)
        assert refusal(open_store(), lambda store: store.policy_source("p.v1")).code == "registry.damaged"

    def test_a_list_with_one_bit_flipped_is_never_handed_out(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        fill(open_store())
        [entry] = open_store().reference_sets()
        _alter(
            path,
            "UPDATE blob SET content = CAST('member-one' || char(10) || 'member-twp' AS BLOB)"
            " WHERE digest = (SELECT members FROM reference_set)",
        )
        assert refusal(open_store(), lambda store: store.reference_set(entry.root)).code == "registry.damaged"

    def test_an_ir_that_was_tampered_with_is_never_handed_out(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        fill(open_store())
        other = make_ir(minimum=99)
        open_store().keep(other)
        _alter(
            path,
            f"UPDATE ir SET digest = (SELECT digest FROM ir WHERE ir_hash = '{other.ir_hash}')"
            f" WHERE ir_hash = '{make_ir().ir_hash}'",
        )
        assert refusal(open_store(), lambda store: store.policy("p.v1")).code == "registry.damaged"

    @pytest.mark.parametrize(
        "statement",
        [
            f"DELETE FROM ir WHERE ir_hash = '{make_ir().ir_hash}'",
            f"UPDATE policy SET ir_hash = '{make_ir('q.v1').ir_hash}'",
        ],
        ids=["missing", "another policy's"],
    )
    def test_a_published_policy_without_its_ir_is_damage_rather_than_unknown(
        self, open_store: Callable[..., SqliteStore], path: Path, statement: str
    ) -> None:
        """Otherwise what is shipped under that id would quietly take its place."""
        fill(open_store())
        open_store().keep(make_ir("q.v1"))
        _alter(path, statement)
        assert refusal(open_store(), lambda store: store.policy("p.v1")).code == "registry.damaged"

    def test_a_rollout_that_is_not_understood_is_refused(
        self, open_store: Callable[..., SqliteStore], path: Path
    ) -> None:
        fill(open_store())
        _alter(
            path,
            "DROP TRIGGER rollout_change_keeps_every_row_update",
            "UPDATE rollout_change SET state = CAST('{\"version\":1}' AS BLOB)",
        )
        assert refusal(open_store(), SqliteStore.rollouts).code == "rollout.malformed"

    @pytest.mark.parametrize(
        "use", [SqliteStore.version_token, SqliteStore.audit_head, write, lambda store: store.pseudonym("anna")]
    )
    def test_a_row_that_every_registry_has_and_this_one_not_is_damage(
        self, open_store: Callable[..., SqliteStore], path: Path, use: Callable[[SqliteStore], object]
    ) -> None:
        fill(open_store())
        _alter(path, "DELETE FROM meta")
        assert refusal(open_store(), use).code == "registry.damaged"

    def test_a_time_that_is_none_is_the_store_s_fault(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        fill(open_store())
        _alter(path, "UPDATE policy SET published_at = 'yesterday'")
        assert refusal(open_store(), SqliteStore.policies).code == "time.malformed"

    def test_evidence_in_an_unknown_form_is_refused(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        fill(open_store())
        _alter(path, "INSERT INTO evidence VALUES ('p.v1', 'v-9', '2026-03-01T12:00:00Z', CAST('{}' AS BLOB))")
        with pytest.raises(Unavailable, match="v-9"):
            open_store().evidence("p.v1")

    @pytest.mark.parametrize("table", ["audit", "rollout_change"])
    @pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 10"])
    def test_what_was_recorded_cannot_be_changed_by_accident(
        self, open_store: Callable[..., SqliteStore], path: Path, table: str, statement: str
    ) -> None:
        fill(open_store())
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            _alter(path, statement.format(table))

    def test_a_full_disk_keeps_nothing_of_the_change(self, open_store: Callable[..., SqliteStore], path: Path) -> None:
        store = open_store()
        write(store)
        # The same answer that a full disk gives, at a size of our choosing.
        with store._database.write() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        members = frozenset(f"member-{number}" for number in range(2_000))
        error = refusal(store, lambda store: store.import_set("l", members, at=AT, audit=make_event()))
        assert error.code == "registry.disk_full"
        assert (store.reference_sets(), store.audit_head().seq) == ([], 1)


class TestWithoutTheRightToWrite:
    """Run as a user without privileges, also where the tests run as root."""

    @pytest.fixture
    def path(self) -> Iterator[Path]:
        # Not below pytest's own folder, which is closed to everybody else.
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "state" / "capctl.sqlite"

    @pytest.fixture
    def filled(self, open_store: Callable[..., SqliteStore], path: Path) -> Path:
        fill(open_store())
        return path

    def test_looking_works_and_changing_is_refused(self, filled: Path) -> None:
        filled.chmod(0o400)
        filled.parent.chmod(0o500)
        assert _unprivileged(filled, "print(len(store.policies()), store.rollout('p.v1').revision)") == "1 1"
        assert _unprivileged(filled, "store.append_audit(make_event(), at=AT)") == "registry.read_only"

    def test_a_read_only_file_in_a_writable_directory(self, filled: Path) -> None:
        filled.chmod(0o400)
        assert _unprivileged(filled, "print(len(store.policies()))") == "1"
        assert _unprivileged(filled, "store.append_audit(make_event(), at=AT)") == "registry.read_only"

    def test_a_store_that_cannot_be_made(self, path: Path) -> None:
        path.parents[1].chmod(0o500)
        assert _unprivileged(path, "print(store.policies())") == "[]"
        assert _unprivileged(path, "store.append_audit(make_event(), at=AT)") == "registry.read_only"

    def test_a_file_that_may_not_even_be_read(self, filled: Path) -> None:
        filled.chmod(0o000)
        assert _unprivileged(filled, "print(store.policies())") == "registry.cannot_open"


def test_an_unknown_policy_is_not_found_rather_than_unavailable(open_store: Callable[..., SqliteStore]) -> None:
    fill(open_store())
    with pytest.raises(NotFound, match=r"q\.v1"):
        open_store().policy("q.v1")


def _alter(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    try:
        with connection:
            for statement in statements:
                connection.execute(statement)
    finally:
        connection.close()


def _hold_lock(path: Path) -> subprocess.Popen[str]:
    """A process that holds the write lock until it is spoken to."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(1)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def _unprivileged(path: Path, statement: str) -> str:
    """What a statement about `store` prints, or the code it is refused with, for a user who is not root."""
    code = (
        "import os, pathlib, sys; from engine.clock import SystemClock; from engine.errors import EngineError\n"
        "from engine.registry import SqliteStore; from tests.samples.stored import AT, make_event\n"
        # Given up in the process itself: the interpreter may lie where only root may go.
        "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))\n"
        "store = SqliteStore(pathlib.Path(sys.argv[1]), SystemClock())\n"
        f"try: {statement}\nexcept EngineError as error: print(error.code)"
    )
    if os.geteuid() == 0:
        for file in (path.parents[1], *path.parents[1].rglob("*")):
            os.chown(file, 65534, 65534)
    done = subprocess.run([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
