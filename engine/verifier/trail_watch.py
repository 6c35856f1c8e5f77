"""A verifier keeps an eye on the audit trail: a stretch of it at a time, round after round.

A trail may have millions of lines, and the thread that reads it also hears of rollbacks; so a look is bounded, and
begins where the last one stopped. Every line is read again in every round: what was sound an hour ago may have been
altered since. One round is as thorough as `capctl audit verify`, which looks at once and names what it finds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from engine.audit import Checkpoint, read_checkpoint
from engine.audit.verification import TrailWalk
from engine.errors import EngineError
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.notes import open_note
from engine.verifier.failures import describe

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ports import AuditState
    from engine.telemetry.security import SecurityMetrics

LINES_A_LOOK: Final = 500
"""Some ten milliseconds of work."""

WATCH_S: Final = 5.0
"""Pause between two looks: a trail of a million records is read in under three hours."""

MOST_COUNTED: Final = 1000
"""Places that are kept apart; in a trail with more, every line is wrong."""

DAMAGED: Final = "registry.damaged"
"""The code of a registry that can be opened and does not fit together; one that is away has another."""

_log = logging.getLogger("capctl.verifier")


class TrailWatch:
    """Counts what is wrong with a registry's audit trail. For one thread: the store's.

    Args:
        ctx: Whose trail, and whose second place of checkpoints.
        metrics: Where breaks are counted: each place once since the process began, and what was mended stays counted.
    """

    def __init__(self, ctx: EngineContext, metrics: SecurityMetrics) -> None:
        self._ctx = ctx
        self._metrics = metrics
        self._file = CheckpointFile(ctx.settings.checkpoint_path)
        self._found: set[int] = set()
        self._walk: TrailWalk | None = None
        self._lines: Iterator[bytes] = iter(())

    def look(self) -> None:
        """Verify the next stretch; after the last, begin the next round."""
        try:
            self._look()
        except EngineError as error:
            # Lines that cannot be read are read again from the start. That the registry is away is told elsewhere.
            self._walk = None
            if error.code == DAMAGED:
                self._note(0)
        except Exception as error:
            # What nobody foresaw must not end the watch.
            self._walk = None
            _log.error("trail watch: %s", describe(error))

    def _look(self) -> None:
        walk = self._walk or self._begin()
        stretch = list(islice(self._lines, LINES_A_LOOK))
        for found in filter(None, map(walk.step, stretch)):
            self._note(found.position)
        if len(stretch) < LINES_A_LOOK:
            for found in walk.stop():
                self._note(found.position)
            self._walk = None

    def _begin(self) -> TrailWalk:
        # In this order: what is added meanwhile makes the trail longer than what is known of it, never shorter.
        state = self._ctx.store.audit_state()
        self._walk = TrailWalk(head=state.head, tree=state.tree, checkpoints=self._signed(state))
        self._lines = self._ctx.store.audit_lines()
        return self._walk

    def _signed(self, state: AuditState) -> list[Checkpoint]:
        """The newest checkpoint in the second place, where its signature holds; the rest is `status` to tell."""
        try:
            note = self._file.last()
            checkpoint = read_checkpoint(open_note(note, self._file.keys())) if note else None
        except EngineError:
            return []
        return [checkpoint] if checkpoint is not None and checkpoint.origin == state.origin else []

    def _note(self, position: int) -> None:
        if position not in self._found and len(self._found) < MOST_COUNTED:
            self._found.add(position)
            self._metrics.audit_chain_breaks = len(self._found)
            _log.error("the audit trail is broken: capctl audit verify")
