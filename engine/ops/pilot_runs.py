"""The whole pilot under one run id: pulled and verified in portions that stay as they are, then written back.

Each portion is a file of its own in the run's folder, complete or absent; so whoever goes on after an interruption
writes exactly what the interrupted process would have written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.canonical import canonical_json, strict_json
from engine.context import Progress
from engine.decision.context import MAX_SUPPLIERS
from engine.errors import Conflict, InvalidInput, NotFound, Refused
from engine.ids import hash_json
from engine.ops.pilot_system import open_system, sap_folder, supplier_reader, tenant_keys
from engine.ops.pilot_verification import key_set, read_signed, verify_context
from engine.ops.pilot_writing import WriteOptions, Writing
from engine.ops.piloting import context_of, named_lists
from engine.ops.results.pilot import WrittenBack
from engine.ops.results.pilot_look import BegunRun
from engine.sap.private import read_private, write_private
from engine.sap.target import check_run_id
from engine.sap.writeback import chunks

if TYPE_CHECKING:
    from engine.context import EngineContext

_WHAT: Final = "files of the run"


def run_pilot(
    ctx: EngineContext,
    *,
    run_id: str | None,
    odata: str | None,
    client: str | None,
    policy: str | None,
    base: str | None,
    table: str,
    condition: str,
    sanctions: str | None,
    high_risk: str | None,
    portion: int,
    batch_size: int,
    page_size: int,
    valid_days: int,
    force: bool,
    ca_file: str | None,
) -> WrittenBack:
    """Pull, verify, write back; see `engine.ops.pilot.run`."""
    name = check_run_id(run_id or _new_id(ctx))
    if not 1 <= portion <= MAX_SUPPLIERS:
        raise InvalidInput("pilot.portion", f"Cannot verify {portion} at once", f"Give 1 to {MAX_SUPPLIERS}.")
    ctx.emit(Progress("starting", 0, None, f"run id {name}"))
    with open_system(ctx, odata, client, table=table, ca_file=ca_file) as connection, _folder(ctx, name) as path:
        asked = {"condition": condition, "policy": policy, "portion": portion}
        folder = _RunFolder(path, name, target=connection.target.fingerprint, asked=hash_json(asked))
        if not folder.is_pulled:
            keys = tenant_keys(ctx).open(ctx.clock.now()).active
            lists = named_lists(ctx, sanctions, high_risk)
            reader = supplier_reader(ctx, connection, keys, page_size=page_size, condition=condition)
            for suppliers in chunks(reader.suppliers(), portion):
                folder.add(context_of([supplier.record for supplier in suppliers], lists, keys.key_id))
            folder.complete()
        results = _verify(ctx, folder, policy=policy, base=base)
        options = WriteOptions(name, batch_size, page_size, valid_days, update=False, force=force)
        return Writing(ctx, connection, results, options, action="pilot.run").carry_out()


class _RunFolder:
    """The files of a run: contexts and signed results by portion.

    Args:
        path: Where they lie.
        run_id: The run's id.
        target: Fingerprint of the system.
        asked: Hash of what decides what is pulled.

    Raises:
        Conflict: The run was begun with something else.
    """

    def __init__(self, path: Path, run_id: str, *, target: str, asked: str) -> None:
        self._path = path
        self._begun = {"asked": asked, "target": target}
        self.portions = 0
        """How many there are."""
        self.is_pulled = False
        """Whether they are all there."""
        self._go_on(run_id)

    def add(self, context: dict[str, Any]) -> None:
        """Keep the context of the next portion."""
        self.portions += 1
        self.keep("context", self.portions, canonical_json(context))

    def complete(self) -> None:
        """Note that every portion is there.

        Raises:
            Refused: There is none.
        """
        if not self.portions:
            raise Refused("pilot.no_suppliers", "SAP has no supplier that fits", "Check --client and --filter.")
        document = json.dumps({**self._begun, "portions": self.portions}).encode()
        write_private(self._path / "pulled.json", document, what=_WHAT)
        self.is_pulled = True

    def keep(self, kind: str, number: int, document: bytes) -> None:
        """Keep a document of a portion."""
        write_private(self._file(kind, number), document, what=_WHAT)

    def has(self, kind: str, number: int) -> bool:
        """Whether a document was kept."""
        return self._file(kind, number).exists()

    def kept(self, kind: str, number: int) -> bytes:
        """A document that was kept. Raises NotFound."""
        return read_private(self._file(kind, number), what=_WHAT)

    def _file(self, kind: str, number: int) -> Path:
        return self._path / f"{kind}-{number:05d}.json"

    def _go_on(self, run_id: str) -> None:
        try:
            known = json.loads(read_private(self._path / "pulled.json", what=_WHAT))
        except NotFound:
            return
        self.portions, self.is_pulled = int(known.pop("portions")), True
        if known != self._begun:
            raise Conflict(
                "sap.run_reused",
                f"Idempotency key reused: {run_id} was begun with another system, policy, filter or portion",
                "Give the same options as at first, or take another run id.",
            )


def run_folder(ctx: EngineContext, run_id: str) -> Path:
    """Where the files of a run lie; without an id where all of them do."""
    return sap_folder(ctx) / "runs" / run_id


def begun_run(path: Path) -> BegunRun:
    """How far a run is that has not entered its rows, from the files in its folder."""
    names = [file.name for file in path.iterdir()]
    return BegunRun(
        path.name,
        is_pulled="pulled.json" in names,
        portions=sum(name.startswith("context-") for name in names),
        verified=sum(name.startswith("verify-") for name in names),
    )


class _KeptResults:
    """The signed results of a run, read anew and checked anew at each pass: one portion in memory at a time."""

    def __init__(self, folder: _RunFolder, keys: Mapping[str, Any], now: datetime) -> None:
        self._folder = folder
        self._keys = keys
        self._now = now

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for number in range(1, self._folder.portions + 1):
            yield read_signed(self._folder.kept("verify", number), self._keys, now=self._now).document


def _verify(ctx: EngineContext, folder: _RunFolder, *, policy: str | None, base: str | None) -> _KeptResults:
    """Verify the portions that are not verified yet."""
    for number in range(1, folder.portions + 1):
        if not folder.has("verify", number):
            context = strict_json(folder.kept("context", number), what="The context")
            folder.keep("verify", number, verify_context(ctx, context, policy=policy, base=base).document)
        ctx.emit(Progress("verifying", number, folder.portions))
    return _KeptResults(folder, key_set(ctx, base=base, jwks=None), ctx.clock.now())


@contextmanager
def _folder(ctx: EngineContext, run_id: str) -> Iterator[Path]:
    """Where the run's files lie; in a rehearsal somewhere that is forgotten."""
    if not ctx.rehearsing:
        yield run_folder(ctx, run_id)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch) / run_id


def _new_id(ctx: EngineContext) -> str:
    return f"RUN_{ctx.clock.now():%Y%m%d_%H%M%S}_{ctx.random_bytes(3).hex()}"
