"""Forks rotations again and again: importing everything anew for each of a thousand deaths would take an hour.

    python -m tests.crash.rotation_zygote STATE_DIR

Reads what to do as one word a line from stdin: `rotate` goes from step to step of the registry's and the response key's
rotation, `resign` signs statements again. Answers with the child's pid, and how it ended. The child writes one line to
the file `acknowledged` for each step that it was promised.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.bootstrap import open_context
from engine.clock import SystemClock
from engine.context import EngineContext
from engine.errors import EngineError
from engine.ops import keyring
from engine.ops.results.keys import RotationStatus
from engine.ports import ReplicaKeys
from engine.settings import Settings

STEPS: dict[str, Callable[[EngineContext, str], RotationStatus]] = {
    "prepare": lambda ctx, purpose: keyring.prepare(ctx, purpose, "file"),
    "dual-accept": keyring.dual_accept,
    "switch": keyring.switch,
    "decommission": lambda ctx, purpose: keyring.decommission(ctx, purpose, ""),
}


def environment(state_dir: Path) -> EngineContext:
    """The environment that dies and lives on; its rotations wait for nothing."""
    settings = replace(Settings(), env="demo", state_dir=state_dir, key_announce_s=0, key_soak_s=0)
    return open_context(settings, actor="oncall", environ={})


def go_on(ctx: EngineContext, purpose: str) -> str:
    """Take the next step of a rotation; what it was promised, `PURPOSE VERSION PHASE`."""
    at = keyring.status(ctx, purpose)
    if at.entries_left and at.phase == "switched":
        at = keyring.switch(ctx, purpose)  # finish what somebody died over
    # A verifier that goes by every version at once.
    ctx.store.report_keys(ReplicaKeys("r1", at.keyring_version, SystemClock().now()))
    done = STEPS[at.next_step](ctx, purpose)
    return f"{purpose} {done.keyring_version} {done.phase}"


def purposes_of(task: str) -> tuple[str, ...]:
    """Whose keys a task rotates."""
    return ("registry",) if task == "resign" else ("response", "orr")


def work(state_dir: Path, task: str) -> None:
    """Be the operator until somebody kills it."""
    descriptor = os.open(state_dir / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with environment(state_dir) as ctx:
        while True:
            for purpose in purposes_of(task):
                os.write(descriptor, (go_on(ctx, purpose) + "\n").encode())


def main(state_dir: Path) -> None:
    """Fork a worker for each line."""
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            try:
                work(state_dir / line.split()[1], line.split()[0])
            except EngineError as error:
                sys.stderr.write(f"{error.code}: {error.message}\n")
            os._exit(1)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # Loaded once, so that a child begins with the work.
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: F401

    import engine.registry.sqlite
    import engine.trust.checkpoint_file
    import engine.trust.checkpointing
    import engine.trust.entries  # noqa: F401

    main(Path(sys.argv[1]))
