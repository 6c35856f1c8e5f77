"""Backup and restore of 10,000 policies and a list of a million members, beside `tar | zstd` of the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

from engine.audit import AuditEvent
from engine.bootstrap import open_context
from engine.clock import SystemClock
from engine.policies import shipped
from engine.policy import compile_policy, lint
from engine.recovery import (
    Trust,
    create_backup,
    generate_identity,
    open_backup,
    read_identities,
    recipient_of,
    restore_backup,
)
from engine.registry import SqliteStore
from engine.settings import Settings
from engine.trust.custody import open_signer
from engine.trust.keyfile import KeyPurpose
from tests.samples.stored import AT

POLICIES = 10_000
MEMBERS = 1_000_000
ROUNDS = 3
EVENT = AuditEvent("bench.act", "done", "op-0")


def run() -> str:
    """Alternate the two in one run; wall time, because both keep two cores busy."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _furnish(home)
        rows = [_round(home, number) for number in range(ROUNDS)]
        size = (home / "plain" / "capctl.sqlite").stat().st_size
        return "\n\n".join((_table(rows, size), _memory(home)))


def _furnish(home: Path) -> None:
    settings = replace(Settings(), env="demo", state_dir=home / "state")
    source = shipped()["lksg.v1"].decode()
    with closing(SqliteStore(settings.store_path, SystemClock())) as store, store._database.write():
        for number in range(POLICIES):
            text = source.replace("id: lksg.v1", f"id: lksg-{number}.v1").encode()
            ir = compile_policy(lint(text, file="bench").accepted(strict=False))
            store.publish(ir, text, at=AT, audit=EVENT)
        members = frozenset(hashlib.sha256(str(number).encode()).hexdigest() for number in range(MEMBERS))
        store.import_set("bench", members, at=AT, audit=EVENT)
    generate_identity(home / "identity")
    with open_context(settings) as ctx:
        open_signer(ctx, KeyPurpose.BACKUP)
        (home / "plain").mkdir()
        ctx.store.snapshot(home / "plain" / "capctl.sqlite")


def _round(home: Path, number: int) -> dict[str, float]:
    folder = home / f"round-{number}"
    folder.mkdir()
    took: dict[str, float] = {}
    shell = {
        "tar | zstd": f"tar -C {home}/plain -cf - . | zstd -3 -q -o {folder}/peer.tar.zst "
        f"&& sync {folder}/peer.tar.zst",
        "zstd | tar": f"mkdir {folder}/peer && zstd -dqc {folder}/peer.tar.zst | tar -C {folder}/peer -xf - "
        f"&& sync {folder}/peer/capctl.sqlite",
    }
    took["tar | zstd"] = _timed(lambda: subprocess.run(["bash", "-c", shell["tar | zstd"]], check=True))
    took["backup"] = json.loads(_worker(home, "backup", folder))["backup"]
    took["zstd | tar"] = _timed(lambda: subprocess.run(["bash", "-c", shell["zstd | tar"]], check=True))
    told = json.loads(_worker(home, "restore", folder))
    took |= told
    shutil.rmtree(folder)
    return took


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _worker(home: Path, what: str, folder: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.recovery", what, str(home), str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def work(what: str, home: Path, folder: Path) -> dict[str, float]:
    """Back up or restore in this process; seconds, and the peak of its memory."""
    settings = replace(Settings(), env="demo", state_dir=home / "state")
    identities, marks = read_identities(home / "identity"), {"began": time.monotonic()}
    with open_context(settings, emit=lambda progress: marks.setdefault(progress.step, time.monotonic())) as ctx:
        signer = open_signer(ctx, KeyPurpose.BACKUP)
        if what == "backup":
            create_backup(ctx, folder, [recipient_of(identities[0])], signer)
        else:
            [archive] = folder.glob("*.age")
            opened = open_backup(archive, Trust(kids=frozenset({signer.public_key.kid})))
            restore_backup(ctx, opened, folder / "restored", identities)
    done = time.monotonic()
    # Not `getrusage`, which counts what the process was before it became this program.
    status = Path("/proc/self/status").read_text("ascii")
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    if what == "backup":
        return {"backup": done - marks["began"], "peak_mb": peak_mb}
    return {"restore": marks["verifying"] - marks["began"], "verify": done - marks["verifying"], "peak_mb": peak_mb}


def _table(rows: list[dict[str, float]], size: int) -> str:
    def line(name: str, peer: str) -> str:
        taken, theirs = median(row[name] for row in rows), median(row[peer] for row in rows)
        ratio = median(row[name] / row[peer] for row in rows)
        return f"| {name} | {taken:.2f} | {size / 1e6 / taken:.0f} | {theirs:.2f} | {ratio:.2f} |"

    head = f"| {size / 1e6:.0f} MB | s | MB/s | s, {{}} | ratio |\n| --- | ---: | ---: | ---: | ---: |\n"
    verify = median(row["verify"] for row in rows)
    return "\n\n".join(
        (
            head.format("tar, zstd -3") + line("backup", "tar | zstd"),
            head.format("zstd -d, tar") + line("restore", "zstd | tar"),
            f"Reading the restored registry through (every policy, list and record) takes {verify:.1f} s more.",
        )
    )


def _memory(home: Path) -> str:
    """The peak of a backup and a restore, at this size and with another list of the same size."""
    lines = ["| memory, MB | backup |", "| --- | ---: |"]
    for name, members in (("as above", 0), ("with another list of a million", MEMBERS)):
        if members:
            again = frozenset(hashlib.sha256(b"b%d" % number).hexdigest() for number in range(members))
            with closing(SqliteStore(home / "state" / "capctl.sqlite", SystemClock())) as store:
                store.import_set("bench-b", again, at=AT, audit=EVENT)
        folder = home / f"memory-{members}"
        folder.mkdir()
        lines.append(f"| {name} | {json.loads(_worker(home, 'backup', folder))['peak_mb']:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(work(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
    sys.stdout.flush()
    os._exit(0)
