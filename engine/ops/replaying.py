"""Recorded contexts replayed under a candidate, over all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from engine.adaptation import SALT
from engine.context import Progress
from engine.errors import InvalidInput, NotFound, Unavailable
from engine.ops.adaptation import evaluation_time
from engine.ops.results.decision import Replay
from engine.ops.sources import resolve_policy
from engine.ops.target import policy_id

if TYPE_CHECKING:
    from engine.context import EngineContext


def replay_contexts(
    ctx: EngineContext, *, policy: str | None, candidate: str, contexts: str, at: str | None, jobs: int
) -> Replay:
    """Replay a recording; see `engine.ops.decision.replay`.

    Raises:
        InvalidInput: A value or a policy is malformed, or the recording holds no context.
        Unavailable: A file or policy cannot be had.
    """
    from engine.decision.replay_parallel import ReplayJob, replay

    if not 0 <= jobs <= 256:
        raise InvalidInput("replay.jobs", f"Cannot use {jobs} processes", "Give --jobs 1 to 256, or 0 for all.")
    target = policy_id(ctx, policy)
    baseline, changed = ctx.catalog.policy(target), resolve_policy(ctx, candidate)
    moment = evaluation_time(ctx, at)
    rollout = ctx.store.rollout(target)
    job = ReplayJob(
        ir=baseline,
        candidate=changed,
        reference_sets=dict(ctx.catalog.reference_sets()),
        salt=rollout.salt if rollout else SALT,
        at=moment,
    )
    with recording(contexts) as (lines, progress):
        summary = replay(lines, job, workers=jobs or os.cpu_count() or 1, progress=lambda _: ctx.emit(progress()))
    if not summary.total:
        hint = "Record one JSON document a line, as 'capctl adapt --context' takes it."
        raise InvalidInput("replay.nothing", f"{contexts!r} holds no context that can be read", hint)
    return Replay(baseline, changed, moment, summary)


@contextmanager
def recording(path: str) -> Iterator[tuple[Iterator[bytes], Callable[[], Progress]]]:
    """A recording as lines, and how far they have been read.

    Args:
        path: A JSONL file, or a folder whose `.json` files are one context each, taken by name.

    Raises:
        NotFound: There is nothing of that name.
        Unavailable: It cannot be read.
    """
    if os.path.isdir(path):  # noqa: PTH112 - pathlib is dear at start-up
        yield _folder(path)
        return
    try:
        file = open(path, "rb")  # noqa: PTH123, SIM115 - closed below, errors of the body are not errors of opening
    except FileNotFoundError:
        raise NotFound("file.not_found", f"The contexts file {path!r} does not exist", "Check the path.") from None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise Unavailable("file.unreadable", f"The contexts file {path!r} cannot be read: {reason}", "") from error
    with file:
        yield _lines(file)


def _lines(file: BinaryIO) -> tuple[Iterator[bytes], Callable[[], Progress]]:
    size = os.fstat(file.fileno()).st_size
    return _bounded(file), lambda: Progress("replaying", file.tell(), size or None)


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    from engine.ops.files import MAX_BYTES

    # The file may be larger than memory, hence no line of it may be.
    for number, line in enumerate(iter(lambda: file.readline(MAX_BYTES + 1), b""), 1):
        if len(line) > MAX_BYTES:
            size = f"{MAX_BYTES // 2**20} MB"
            hint = "Record one JSON document a line."
            raise InvalidInput("replay.line_too_long", f"Line {number} of the recording is larger than {size}", hint)
        yield line


def _folder(path: str) -> tuple[Iterator[bytes], Callable[[], Progress]]:
    from engine.ops.files import read_bytes

    names = sorted(name for name in os.listdir(path) if name.endswith(".json"))  # noqa: PTH208
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        for read, name in enumerate(names, 1):  # noqa: B007 - counted for the progress
            # A newline cannot stand inside a JSON string, so putting a document on one line changes nothing in it.
            yield read_bytes(f"{path}/{name}", what="context").replace(b"\n", b" ")

    return lines(), lambda: Progress("replaying", read, len(names))
