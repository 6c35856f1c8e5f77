"""Write-back as convergence: read the rows of the run, create what is missing, read back, until all of it is there.

A write whose outcome is not known is never repeated: the read-back says whether it happened. So nothing is written
twice by this client, whatever the network does, and the table's key (run id, supplier) keeps out what a server commits
after we looked. Being started again, after whatever end, is the same as going on.

What cannot be guaranteed: without a unique key in SAP, a commit that lands after the read-back leaves a duplicate. It
is counted and reported, and no client could have prevented it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from engine.context import Progress, ignore_progress
from engine.sap.batch import Operation
from engine.sap.client import DEFAULT_PAGE_SIZE
from engine.sap.outbox import Entry, Outbox, State, reused
from engine.sap.retry import Pacer
from engine.sap.sender import Packed, Sender
from engine.sap.table import StatusTable

T = TypeVar("T")

PATIENCE: Final = 5
"""Rounds in a row that achieve nothing before the run ends as it is."""
MAX_ATTEMPTS: Final = 6
"""How often one row is sent before it is given up, for this time."""
LOOKUP: Final = 500
"""Supplier numbers looked up in the outbox at once."""

Numbers = Callable[[], Iterator[tuple[str, str]]]
"""Yields pseudonym and number of every supplier, anew at each call."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How a write-back ended."""

    total: int
    confirmed: int
    """Read back and equal."""
    created: int
    """Of them, sent by this process."""
    duplicates: int
    """Rows that SAP holds beyond one for each supplier."""
    foreign: int
    """Rows under this run id about suppliers that the run does not know."""
    lost: int
    """Suppliers of the result that SAP names no more, so that their rows could not be sent."""
    requests: int
    """Modifying requests sent."""
    faults: dict[str, int]
    """What SAP said to rows that are not confirmed."""

    @property
    def is_proven(self) -> bool:
        """Whether every row is there once, and equal."""
        return self.confirmed == self.total and not self.duplicates and not self.foreign


class WriteBack:
    """One run's convergence. The caller holds the run's lock.

    Args:
        table: Where to.
        outbox: What, and how far it is.
        run_id: The run, entered in the outbox.
        numbers: Recovers supplier numbers.
        pseudonym: Makes the pseudonym of a number, under the run's key.
        sender: Sends.
        pacer: Paces rounds that achieve nothing.
        page_size: Rows asked for at once when reading back.
        update: Overwrite rows with other content, deliberately.
        emit: Where progress goes.
    """

    def __init__(
        self,
        table: StatusTable,
        outbox: Outbox,
        run_id: str,
        *,
        numbers: Numbers,
        pseudonym: Callable[[str], str],
        sender: Sender,
        pacer: Pacer,
        page_size: int = DEFAULT_PAGE_SIZE,
        update: bool = False,
        emit: Callable[[Progress], None] = ignore_progress,
    ) -> None:
        self._table = table
        self._outbox = outbox
        self._run_id = run_id
        self._numbers = numbers
        self._pseudonym = pseudonym
        self._sender = sender
        self._pacer = pacer
        self._page_size = page_size
        self._update = update
        self._emit = emit
        self._round = 0
        self._duplicates = 0
        self._foreign = 0
        self._total = 0
        self._known_before = 0

    def converge(self) -> Tally:
        """Write what is missing.

        Raises:
            Conflict: SAP holds other content under this run id.
            EngineError: SAP cannot be talked to; run it again to go on.
        """
        self._outbox.start_over(self._run_id)
        counts = self.look()
        self._known_before = counts[State.CONFIRMED]
        stalled = 0
        while counts[State.CONFIRMED] < self._total and stalled < PATIENCE:
            sent = self._send_missing()
            before, counts = counts, self.look()
            if not sent:
                break
            stalled = 0 if counts[State.CONFIRMED] > before[State.CONFIRMED] else stalled + 1
            if stalled and stalled < PATIENCE:
                self._pacer.failed(stalled, "SAP took nothing in")
        return self._tally(counts)

    def look(self) -> dict[State, int]:
        """Read the rows of the run and note what is there.

        Raises:
            Conflict: Rows of the run have other content or other suppliers, and this is no deliberate overwrite.
        """
        self._round += 1
        self._duplicates = self._foreign = read = 0
        for page in self._table.rows(self._run_id, page_size=self._page_size):
            read += len(page)
            rows = {self._pseudonym(row.supplier_id): row for row in page}
            duplicates_on_page = len(page) - len(rows)
            known = self._find(rows)
            self._foreign += len(rows) - len(known)
            observed = [
                (
                    name,
                    State.CONFIRMED if rows[name].payload == self._expected(entry) else State.DIFFERS,
                    rows[name].etag,
                )
                for name, entry in known.items()
            ]
            again = self._outbox.observe(self._run_id, observed, round_number=self._round)
            self._duplicates += again + duplicates_on_page
            self._emit(Progress("reading back", read, self._total or None))
        self._outbox.settle(self._run_id, round_number=self._round)
        counts = self._outbox.counts(self._run_id)
        self._total = sum(counts.values())
        if not self._update and counts[State.DIFFERS]:
            raise reused(self._run_id, "other content in SAP")
        if not self._update and self._foreign:
            raise reused(self._run_id, "other suppliers in SAP")
        return counts

    def _send_missing(self) -> int:
        """Send every row that is known not to be there, each once; how many that were."""
        sent = 0
        for found in chunks(self._numbers(), LOOKUP):
            numbers = dict(found)
            entries = self._find(numbers).values()
            missing = [e for e in entries if e.state in (State.PENDING, State.DIFFERS) and e.attempts < MAX_ATTEMPTS]
            for batch in chunks(missing, self._sender.batch_size):
                self._send(batch, numbers)
                sent += len(batch)
                self._emit(Progress("writing", min(self._known_before + sent, self._total), self._total))
        return sent

    def _send(self, entries: list[Entry], numbers: dict[str, str]) -> None:
        names = [entry.pseudonym for entry in entries]
        packed = [Packed(e.pseudonym, self._operation(e, numbers[e.pseudonym]), e.attempts) for e in entries]
        # On disk before the wire: whoever finds these later knows that they may have been written.
        self._outbox.mark(self._run_id, names, State.SENT, sent=True)
        for outcome in self._sender.send(packed):
            if outcome.fault:
                self._outbox.mark(self._run_id, [outcome.pseudonym], State.UNKNOWN, fault=outcome.fault)

    def _operation(self, entry: Entry, number: str) -> Operation:
        if entry.state is State.DIFFERS:
            return self._table.overwrite(self._run_id, number, entry.payload, entry.etag)
        return self._table.create(self._run_id, number, entry.payload)

    def _expected(self, entry: Entry) -> dict[str, str]:
        return self._table.expected(entry.payload)

    def _find(self, names: Iterable[str]) -> dict[str, Entry]:
        return self._outbox.find(self._run_id, list(names))

    def _tally(self, counts: dict[State, int]) -> Tally:
        faults = self._outbox.faults(self._run_id)
        confirmed = counts[State.CONFIRMED]
        return Tally(
            total=self._total,
            confirmed=confirmed,
            created=confirmed - self._known_before,
            duplicates=self._duplicates,
            foreign=self._foreign,
            lost=self._outbox.never_sent(self._run_id),
            requests=self._sender.requests,
            faults=faults,
        )


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
