"""One write-back from verified results to the proof: entered, converged, proven, audited."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha3_256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.audit import AuditEvent
from engine.errors import InvalidInput, Refused
from engine.ids import HASH_PREFIX, hash_json
from engine.ops.pilot_system import open_outbox, sap_folder, supplier_reader, tenant_keys
from engine.ops.results.pilot import PlannedRow, WrittenBack
from engine.sap.outbox import Outbox, Payload, State
from engine.sap.sender import Sender
from engine.sap.status import Result, content_hash, key_ids, payloads
from engine.sap.table import StatusTable, open_table
from engine.sap.writeback import Tally, WriteBack

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.sap.connection import SapConnection
    from engine.sap.numbers import NumberMap
    from engine.sap.pseudonym import Pseudonymizer

_ACTIONS: Final = {State.CONFIRMED: "none", State.DIFFERS: "overwrite"}
SHOWN_FAULTS: Final = 3
_TIED: Final = ("context_hash", "manifest_hash", "policy_hash", "ir_hash", "kid")
"""Members of a result that the evidence lists; together with the hash of each signed result."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write back."""

    run_id: str
    batch_size: int
    page_size: int
    valid_days: int
    update: bool
    force: bool


class Writing:
    """Writes the verdicts of verified results under one run id.

    Args:
        ctx: Who acts; a rehearsal shows what would be written, and writes nothing.
        connection: To the system.
        results: Verified documents about suppliers pseudonymised under one secret. Gone through several times, so
            that whoever has many need not hold them all.
        options: How.
        action: The operation's id, for the audit trail.
        kept: Supplier numbers that were kept; None to read them from SAP again.
    """

    def __init__(
        self,
        ctx: EngineContext,
        connection: SapConnection,
        results: Iterable[Result],
        options: WriteOptions,
        *,
        action: str,
        kept: NumberMap | None = None,
    ) -> None:
        self._ctx = ctx
        self._connection = connection
        self._results = results
        self._options = options
        self._action = action
        self._kept = kept

    def carry_out(self) -> WrittenBack:
        """Write and prove, or go on writing where it stopped.

        Raises:
            Conflict: The run id stands for something else, or another process works on it.
            Refused: Not every row could be proven.
            EngineError: SAP refuses, or cannot be talked to.
        """
        table = open_table(self._connection, forced=self._options.force)
        run_id = self._options.run_id
        with self._outbox() as outbox, outbox.lock(run_id):
            self._enter(outbox, table)
            run = self._run(outbox, table)
            if self._ctx.rehearsing:
                run.look()
                return _plan(outbox, run_id)
            tally = run.converge()
            check_proof(run_id, tally)
            evidence = {**self._facts, "run_id": run_id, "rows": tally.total, "rows_hash": _rows_hash(outbox, run_id)}
            outbox.prove(run_id, evidence, self._ctx.clock.now())
        return self._proven(tally, evidence)

    @contextmanager
    def _outbox(self) -> Iterator[Outbox]:
        """The ledger; in a rehearsal one that is forgotten."""
        if not self._ctx.rehearsing:
            with closing(open_outbox(self._ctx)) as outbox:
                yield outbox
            return
        folder = sap_folder(self._ctx)
        with tempfile.TemporaryDirectory(dir=folder) as scratch, closing(Outbox(Path(scratch) / "plan")) as outbox:
            yield outbox

    def _enter(self, outbox: Outbox, table: StatusTable) -> None:
        """Enter the run in the outbox, once everything of it is known to fit."""
        run_id, target = self._options.run_id, self._connection.target.fingerprint
        if self._options.update:
            outbox.forget_other(run_id, str(self._facts["content_hash"]))
        outbox.begin(run_id, self._entries(table), target=target, facts=self._facts, now=self._ctx.clock.now())

    def _entries(self, table: StatusTable) -> Iterator[tuple[str, Payload]]:
        for result in self._results:
            for pseudonym, payload in payloads(result, valid_days=self._options.valid_days):
                table.check(payload)
                yield pseudonym, payload

    def _run(self, outbox: Outbox, table: StatusTable) -> WriteBack:
        connection = self._connection
        sender = Sender(
            connection,
            connection.target.write_root,
            boundary=lambda: f"batch_{secrets.token_hex(16)}",
            batch_size=self._options.batch_size,
        )
        return WriteBack(
            table,
            outbox,
            self._options.run_id,
            numbers=self._numbers,
            pseudonym=self._pseudonymizer.supplier,
            sender=sender,
            pacer=connection.pacer,
            page_size=self._options.page_size,
            # A rehearsal shows what differs instead of refusing to go on.
            update=self._options.update or self._ctx.rehearsing,
            emit=self._ctx.emit,
        )

    def _numbers(self) -> Iterator[tuple[str, str]]:
        if self._kept is not None:
            return self._kept.numbers()
        page_size = self._options.page_size
        return supplier_reader(self._ctx, self._connection, self._pseudonymizer, page_size=page_size).numbers()

    @cached_property
    def _pseudonymizer(self) -> Pseudonymizer:
        """What made the pseudonyms of these results."""
        ids = {key_id for result in self._results for key_id in key_ids(result)}
        if len(ids) != 1:
            hint = "Pull and verify again; each result is about one pull."
            raise InvalidInput("pilot.several_keys", "The suppliers were pseudonymised under several keys", hint)
        return tenant_keys(self._ctx).load().by_id(ids.pop())

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What the run is about: the audit trail ties these together."""
        hashes: list[str] = []
        found: dict[str, set[str]] = {name: set() for name in _TIED}
        for result in self._results:
            hashes.append(hash_json(result))
            for name, values in found.items():
                values.add(str(result[name]))
        return {
            "content_hash": content_hash(self._results, valid_days=self._options.valid_days),
            "target": self._connection.target.fingerprint,
            "results": sorted(hashes),
            **{name: sorted(values) for name, values in found.items()},
        }

    def _proven(self, tally: Tally, evidence: dict[str, Any]) -> WrittenBack:
        """Tell the audit trail, and whoever asked."""
        ctx, pacer, run_id = self._ctx, self._connection.pacer, self._options.run_id
        evidence_hash = hash_json(evidence)
        event = AuditEvent(self._action, "done", ctx.store.pseudonym(ctx.actor), object=run_id, evidence=evidence_hash)
        ctx.store.append_audit(event, at=ctx.clock.now())
        return WrittenBack(run_id, tally.total, tally.created, pacer.waits, pacer.waited_s, evidence, evidence_hash)


def check_proof(run_id: str, tally: Tally) -> None:
    """Refuse to call a write-back done that is not.

    Raises:
        Refused: A row is missing, there twice, or not of this run.
    """
    if tally.is_proven:
        return
    problems = [f"{count} refused ({fault})" for fault, count in list(tally.faults.items())[:SHOWN_FAULTS]]
    problems += [f"{tally.foreign} rows of other suppliers"] if tally.foreign else []
    problems += [f"{tally.lost} suppliers that SAP does not name any more"] if tally.lost else []
    counted = f"{tally.confirmed}/{tally.total} written, {tally.duplicates} duplicates"
    raise Refused(
        "sap.not_proven",
        f"{run_id}: {counted}: {'; '.join(problems) or 'SAP does not show the rest'}",
        "Run the same command again to go on; capctl pilot status shows what is open.",
    )


def _plan(outbox: Outbox, run_id: str) -> WrittenBack:
    rows = tuple(
        PlannedRow(entry.pseudonym, entry.payload["Status"], _ACTIONS.get(entry.state, "create"), entry.payload)
        for entry in outbox.entries(run_id)
    )
    return WrittenBack(run_id, len(rows), created=0, waits=0, waited_s=0.0, planned=rows)


def _rows_hash(outbox: Outbox, run_id: str) -> str:
    """One hash over every row of the run, by pseudonym."""
    digest = sha3_256()
    for entry in outbox.entries(run_id):
        digest.update(hash_json([entry.pseudonym, entry.payload]).encode() + b"\n")
    return HASH_PREFIX + digest.hexdigest()
