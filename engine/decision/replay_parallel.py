"""Replay a long recording over several processes.

The recording streams: no more lines are held than a few chunks per worker. The summary is the same for any number of
workers, because summaries add up and each chunk knows its line numbers.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from typing import Final, TypeAlias

from engine.decision.decider import Decider
from engine.decision.replay import ReplaySummary, replay_chunk
from engine.policy.ir import PolicyIR

CHUNK_LINES: Final = 1_000
CHUNK_BYTES: Final = 8 * 2**20
"""A chunk ends early when its lines are long: memory is bounded whatever they hold."""
CHUNKS_AHEAD: Final = 3
"""Chunks a worker has waiting or in hand."""

Chunk: TypeAlias = tuple[int, list[bytes]]
"""The number of its first line, and its lines."""

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of lines done so far."""


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """What every worker needs to judge a chunk. It is sent to each once."""

    ir: PolicyIR
    candidate: PolicyIR | None
    reference_sets: Mapping[str, frozenset[str]]
    salt: bytes
    """The rollout's key, so that the flips foretold for 25 % are those that would come."""
    at: datetime

    def decider(self) -> Decider:
        """Compile the policies."""
        return Decider(self.ir, self.reference_sets, candidate=self.candidate, salt=self.salt)


def replay(
    lines: Iterable[bytes], job: ReplayJob, *, workers: int = 1, progress: Progress | None = None
) -> ReplaySummary:
    """Judge a recording of contexts, one JSON document a line.

    Args:
        lines: Unverified bytes; an open binary file will do.
        job: Under what to judge them.
        workers: Processes to use; 1 stays in this one.
        progress: Told after each chunk, in this process.

    Raises:
        InvalidInput: An IR is malformed.
        KeyboardInterrupt: As it comes; the workers have ended by then.
    """
    decider = job.decider()
    told = progress or _tell_nobody
    if workers <= 1:
        return _replay_here(_chunks(lines), decider, job.at, told)
    return _replay_over(_chunks(lines), job, workers, told)


def _replay_here(chunks: Iterator[Chunk], decider: Decider, at: datetime, progress: Progress) -> ReplaySummary:
    summary = ReplaySummary()
    for first_line, lines in chunks:
        summary += replay_chunk(lines, decider, at=at, first_line=first_line)
        progress(first_line + len(lines) - 1)
    return summary


def _replay_over(chunks: Iterator[Chunk], job: ReplayJob, workers: int, progress: Progress) -> ReplaySummary:
    summary = ReplaySummary()
    done = 0
    # Spawned, not forked: the console has threads, and a forked copy of a held lock is held forever.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(job,))
    try:
        waiting: deque[tuple[int, Future[ReplaySummary]]] = deque()
        for chunk in islice(chunks, workers * CHUNKS_AHEAD):
            waiting.append((len(chunk[1]), pool.submit(_replay_in_worker, chunk)))
        while waiting:
            count, future = waiting.popleft()
            summary += future.result()
            done += count
            progress(done)
            for chunk in islice(chunks, 1):
                waiting.append((len(chunk[1]), pool.submit(_replay_in_worker, chunk)))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return summary


def _chunks(lines: Iterable[bytes]) -> Iterator[Chunk]:
    first_line, chunk, size = 1, list[bytes](), 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield first_line, chunk
            first_line, chunk, size = first_line + len(chunk), [], 0
    if chunk:
        yield first_line, chunk


_worker_decider: Decider
_worker_at: datetime


def _start_worker(job: ReplayJob) -> None:
    """Compile once in each worker. Side effects: sets this process's decider and leaves Ctrl-C to the parent."""
    global _worker_decider, _worker_at  # noqa: PLW0603 - a pool's initializer has no other place to leave things
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker_decider = job.decider()
    _worker_at = job.at


def _replay_in_worker(chunk: Chunk) -> ReplaySummary:
    first_line, lines = chunk
    return replay_chunk(lines, _worker_decider, at=_worker_at, first_line=first_line)


def _tell_nobody(_done: int) -> None:
    pass
