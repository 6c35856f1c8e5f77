"""The adapter as a test drives it: a run of fifty verdicts against a server, with a clock that nobody waits for."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from engine.clock import ManualClock
from engine.sap.client import EntitySource, open_service
from engine.sap.connection import SapConnection
from engine.sap.credentials import Credentials
from engine.sap.outbox import Outbox, Payload
from engine.sap.pseudonym import Pseudonymizer
from engine.sap.pull import SupplierReader
from engine.sap.retry import Pacer
from engine.sap.sender import Sender
from engine.sap.table import open_table
from engine.sap.target import parse_target
from engine.sap.writeback import Tally, WriteBack

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
PSEUDONYMIZER = Pseudonymizer(bytes(range(32)))
HASH = "sha3-256:" + 64 * "5"


def verdict(status: str = "OK", manifest: str = HASH) -> Payload:
    """A row's content."""
    return {
        "Status": status,
        "ManifestHash": manifest,
        "PolicyHash": HASH,
        "IrHash": HASH,
        "ValidUntil": "2027-01-01T00:00:00Z",
        "VerifiedAt": "2026-01-01T09:30:00Z",
        "RulesJson": '[{"reason":"above_maximum","rule_id":"R04_audit_within_a_year"}]',
    }


class Adapter:
    """Talks to one server.

    Args:
        odata: As `--odata` names it.
        folder: Where the outbox lies; adapters in one folder are one machine.
        credentials: None for a server that wants none.
        page_size: Asked for.
    """

    def __init__(
        self, odata: str, folder: Path, *, credentials: Credentials | None = None, page_size: int = 1000
    ) -> None:
        self.clock = ManualClock(TODAY)
        self.pacer = Pacer(clock=self.clock, sleep=self.clock.advance, uniform=lambda low, high: (low + high) / 2)
        self.connection = SapConnection(parse_target(odata, "100"), credentials, self.pacer)
        self._folder = folder
        self._page_size = page_size
        self._boundaries = count(1)

    def reader(self, condition: str = "") -> SupplierReader:
        """The suppliers of the server."""
        target = self.connection.target
        service = open_service(self.connection, target.read_root, what="read")
        source = EntitySource(self.connection, service, target.read_root, target.read_set)
        return SupplierReader(source, PSEUDONYMIZER, condition=condition, page_size=self._page_size)

    def write_back(
        self,
        run_id: str = "RUN_1",
        *,
        payload: Payload | None = None,
        batch_size: int = 50,
        update: bool = False,
        force: bool = False,
    ) -> Tally:
        """Write the same verdict about every supplier."""
        reader = self.reader()
        table = open_table(self.connection, forced=force)
        content = payload or verdict()
        with closing(Outbox(self._folder / "outbox.sqlite")) as outbox, outbox.lock(run_id):
            if update:
                outbox.forget_other(run_id, content["ManifestHash"])
            outbox.begin(
                run_id,
                ((pseudonym, content) for pseudonym, _ in reader.numbers()),
                target=self.connection.target.fingerprint,
                facts={"content_hash": content["ManifestHash"]},
                now=TODAY,
            )
            sender = Sender(
                self.connection,
                self.connection.target.write_root,
                boundary=lambda: f"boundary_{next(self._boundaries)}",
                batch_size=batch_size,
            )
            return WriteBack(
                table,
                outbox,
                run_id,
                numbers=reader.numbers,
                pseudonym=PSEUDONYMIZER.supplier,
                sender=sender,
                pacer=self.pacer,
                page_size=self._page_size,
                update=update,
            ).converge()

    def close(self) -> None:
        self.connection.close()
