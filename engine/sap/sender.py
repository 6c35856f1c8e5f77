"""Sends operations, in batches as large as the server takes, each of them once.

What the answers say is only a first idea: the read-back decides. A batch that was certainly not executed (too large)
is sent again in halves; everything else is left as unknown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.errors import InvalidInput
from engine.sap.batch import InnerAnswer, Operation, decode_batch, encode_batch
from engine.sap.connection import Answer, OutcomeUnknown, SapConnection
from engine.sap.faults import error_of, read_fault

DEFAULT_BATCH: Final = 50
MAX_BATCH: Final = 1000
NO_BATCH: Final = frozenset({404, 405, 415, 501})
"""What servers without `$batch` answer to one."""
TOO_LARGE: Final = 413
SUCCESS: Final = frozenset({200, 201, 202, 204})
"""By meaning, not by one code: servers answer the same success differently."""
JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class Mode(NamedTuple):
    """How operations are packed."""

    size: int
    """Operations a request."""
    per_changeset: int


class Packed(NamedTuple):
    """An operation and whose it is."""

    pseudonym: str
    operation: Operation
    attempts: int
    """How often this row was sent already."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The first idea of what became of one operation."""

    pseudonym: str
    fault: str = ""
    """What the server had against it; empty where it said nothing, or that it was done."""


class Sender:
    """Sends operations to one service, and learns how the server wants them packed.

    Args:
        connection: To the system.
        root: URL of the service.
        boundary: Makes unpredictable boundaries.
        batch_size: Operations a request; 0 sends each in a request of its own.

    Raises:
        InvalidInput: The batch size is out of range.
    """

    def __init__(
        self, connection: SapConnection, root: str, *, boundary: Callable[[], str], batch_size: int = DEFAULT_BATCH
    ) -> None:
        if not 0 <= batch_size <= MAX_BATCH:
            raise InvalidInput("sap.batch_size", f"Cannot send {batch_size} at once", f"Give 1 to {MAX_BATCH}.")
        self._connection = connection
        self._root = root
        self._boundary = boundary
        self._mode = Mode(max(batch_size, 1), max(batch_size, 1))
        self._batches = batch_size > 0
        self.requests = 0
        """Modifying requests sent."""

    @property
    def batch_size(self) -> int:
        """Operations that fit into a request, as far as it is known."""
        return self._mode.size

    def send(self, operations: Sequence[Packed]) -> list[Sent]:
        """Send each operation once.

        Raises:
            EngineError: The server takes no requests now, or none of ours; what was not sent can be sent later.
        """
        fresh = [packed for packed in operations if packed.attempts == 0]
        again = [packed for packed in operations if packed.attempts == 1]
        alone = [packed for packed in operations if packed.attempts > 1]
        outcomes = []
        # A row that was sent in vain gets a changeset, then a request of its own: it may be what the others failed by.
        for packing, group in ((self._mode, fresh), (self._mode._replace(per_changeset=1), again), (Mode(0, 0), alone)):
            outcomes += list(self._send_group(group, packing))
        return outcomes

    def _send_group(self, group: Sequence[Packed], packing: Mode) -> Iterator[Sent]:
        rest = list(group)
        while rest:
            if not self._batches or packing.size == 0:
                yield self._post(rest.pop(0))
                continue
            size = min(packing.size, self._mode.size)
            chunk = rest[:size]
            answered = self._batch(chunk, min(packing.per_changeset, self._mode.per_changeset))
            if answered is None:
                continue
            del rest[:size]
            yield from answered

    def _batch(self, chunk: Sequence[Packed], per_changeset: int) -> list[Sent] | None:
        """Send a chunk as one batch; None when it was certainly not executed and must be packed otherwise."""
        changesets = [chunk[i : i + per_changeset] for i in range(0, len(chunk), per_changeset)]
        content_type, body = encode_batch([[p.operation for p in group] for group in changesets], self._boundary())
        headers = {"Content-Type": content_type, "Accept": "multipart/mixed"}
        try:
            answer = self._write("POST", "$batch", body, headers)
        except OutcomeUnknown:
            return [Sent(packed.pseudonym) for packed in chunk]
        if answer.status_code == TOO_LARGE and len(chunk) > 1:
            self._mode = self._mode._replace(size=len(chunk) // 2)
            return None
        if answer.status_code in NO_BATCH:
            self._batches = False
            return None
        if answer.status_code not in SUCCESS:
            fault = str(read_fault(answer.status_code, answer.content))
            return [Sent(packed.pseudonym, fault) for packed in chunk]
        inner = decode_batch(answer.headers.get("content-type", ""), answer.content, [len(g) for g in changesets])
        return [self._judge(packed.pseudonym, said) for packed, said in zip(chunk, inner, strict=True)]

    def _judge(self, pseudonym: str, said: InnerAnswer | None) -> Sent:
        if said is None or said.status in SUCCESS:
            return Sent(pseudonym)
        if said.status == 429:
            # Some gateways count the operations inside a batch.
            self._connection.pacer.throttled(said.headers.get("retry-after"), 1)
        fault = read_fault(said.status, said.content)
        if fault.only_one_operation:
            self._mode = self._mode._replace(per_changeset=1)
        return Sent(pseudonym, str(fault))

    def _post(self, packed: Packed) -> Sent:
        operation = packed.operation
        try:
            answer = self._write(operation.method, operation.path, operation.content, {**JSON, **operation.headers})
        except OutcomeUnknown:
            return Sent(packed.pseudonym)
        if answer.status_code == 404 and operation.method == "POST":
            raise error_of(read_fault(404, answer.content), "write the verdicts")
        fault = "" if answer.status_code in SUCCESS else str(read_fault(answer.status_code, answer.content))
        return Sent(packed.pseudonym, fault)

    def _write(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        self.requests += 1
        url = f"{self._root}/{path}"
        return self._connection.write(method, url, body, headers, root=self._root, what="write the verdicts")
