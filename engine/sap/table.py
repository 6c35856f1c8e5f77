"""The status table as a service offers it: found by its name, its key checked, rows read and made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from engine.clock import from_rfc3339
from engine.errors import Held, InvalidInput, NotFound, Refused
from engine.sap.batch import Operation
from engine.sap.client import DEFAULT_PAGE_SIZE, EntitySource, open_service
from engine.sap.connection import SapConnection, with_query
from engine.sap.outbox import Payload
from engine.sap.status import KEY, OPTIONAL, REQUIRED, RUN_ID, SUPPLIER_ID, comparable

CLIENT_KEYS: Final = frozenset({"mandt", "client"})
"""The client may stand in the key: it is fixed for every request."""
DATES: Final = frozenset({"Edm.DateTime", "Edm.DateTimeOffset"})


class StatusRow(NamedTuple):
    """A row of the run, as it was read."""

    supplier_id: str
    payload: Payload
    etag: str


class StatusTable:
    """The table that verdicts are written to.

    Args:
        source: Its entity set.
        forced: Go on although its key does not keep rows apart.

    Raises:
        Refused: It lacks a property that every row must have.
        Held: Its key would let a row in twice, and nobody said to go on.
    """

    def __init__(self, source: EntitySource, *, forced: bool = False) -> None:
        self.source = source
        # ABAP's RUN_ID and the service's RunId are one name.
        theirs = {_loose(name): name for name in source.properties}
        self._names = {name: theirs[_loose(name)] for name in (*KEY, *REQUIRED, *OPTIONAL) if _loose(name) in theirs}
        missing = [name for name in (*KEY, *REQUIRED) if name not in self._names]
        if missing:
            hint = "docs/sap.md has the definition of the table and its service."
            raise Refused("sap.property_missing", f"{source.name} has no {', '.join(missing)}", hint)
        key = {_loose(name) for name in source.key} - CLIENT_KEYS
        self.has_unique_key = key == {_loose(name) for name in KEY}
        if not self.has_unique_key and not forced:
            raise Held(
                "sap.no_unique_key",
                f"The key of {source.name} is not RunId and SupplierId: it cannot keep a row from being written twice",
                "Have the key changed. --force goes on without it; then a lost answer may leave a duplicate.",
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """The properties of a payload that this table has."""
        return tuple(name for name in (*REQUIRED, *OPTIONAL) if name in self._names)

    def check(self, payload: Payload) -> None:
        """Make sure that a payload fits.

        Raises:
            InvalidInput: A value is longer than its property.
        """
        for name in self.fields:
            limit = self.source.properties[self._names[name]].max_length
            if limit is not None and len(payload[name]) > limit and not self._is_date(name):
                needed = f"{len(payload[name])} characters are needed, {limit} are there"
                hint = "Have the field made longer; nothing was written."
                raise InvalidInput("sap.too_long", f"{name} does not fit into {self.source.name}: {needed}", hint)

    def expected(self, payload: Payload) -> Payload:
        """What a payload reads like when it comes back from this table."""
        return {name: payload[name] for name in self.fields}

    def rows(self, run_id: str, *, page_size: int = DEFAULT_PAGE_SIZE) -> Iterator[list[StatusRow]]:
        """Every row of a run, page by page. The server's filter is trusted for nothing."""
        condition = f"{self._names[RUN_ID]} eq {self.source.literal(self._names[RUN_ID], run_id)}"
        select = [self._names[name] for name in (*KEY, *self.fields)]
        for page in self.source.entities(select, condition=condition, page_size=page_size):
            mine = (e for e in page.entities if comparable(e.values.get(self._names[RUN_ID])) == run_id)
            yield [StatusRow(self._number(e.values), self._payload(e.values), e.etag) for e in mine]

    def create(self, run_id: str, supplier_id: str, payload: Payload) -> Operation:
        """The operation that makes a row."""
        key = {self._names[RUN_ID]: run_id, self._names[SUPPLIER_ID]: supplier_id}
        body = {**key, **self.source.to_json(self._typed(payload))}
        return Operation("POST", self._path(self.source.name), body)

    def overwrite(self, run_id: str, supplier_id: str, payload: Payload, etag: str) -> Operation:
        """The operation that replaces a row's content, provided that nobody else has meanwhile."""
        key = {self._names[RUN_ID]: run_id, self._names[SUPPLIER_ID]: supplier_id}
        headers = {"If-Match": etag or "*", "Prefer": "return=minimal"}
        path = self._path(self.source.key_path(key))
        return Operation("MERGE", path, self.source.to_json(self._typed(payload)), headers)

    def _path(self, path: str) -> str:
        # A line of a batch is a request of its own, and the client must stand on it as well.
        target = self.source.target
        return with_query(path, {"sap-client": target.client, "sap-language": target.language})

    def _typed(self, payload: Payload) -> dict[str, Any]:
        return {
            self._names[name]: from_rfc3339(payload[name]).astimezone(UTC) if self._is_date(name) else payload[name]
            for name in self.fields
        }

    def _is_date(self, name: str) -> bool:
        return self.source.properties[self._names[name]].edm in DATES

    def _number(self, values: Mapping[str, Any]) -> str:
        number = values.get(self._names[SUPPLIER_ID])
        if not isinstance(number, str) or not number:
            raise Refused("sap.no_number", f"A row of {self.source.name} has no supplier number", "Check the service.")
        return number

    def _payload(self, values: Mapping[str, Any]) -> Payload:
        found = {name: comparable(values.get(self._names[name])) for name in self.fields}
        # A date may come back without its time from a DATS field, and as midnight from another.
        until = values.get(self._names.get("ValidUntil", ""))
        if isinstance(until, datetime):
            found["ValidUntil"] = comparable(until.replace(hour=0, minute=0, second=0))
        return found


def open_table(connection: SapConnection, *, forced: bool = False) -> StatusTable:
    """The status table of a target.

    Raises:
        NotFound: The service has no such entity set.
        EngineError: What `StatusTable` raises, and what the server answers.
    """
    target = connection.target
    service = open_service(connection, target.write_root, what=f"open {target.write_service}")
    names = [entity_set.name for entity_set in service.schema.entity_sets]
    name = find_set(target.table, names)
    if name is None:
        raise NotFound(
            "sap.table_missing",
            f"{target.write_service} has no entity set for {target.table}",
            f"It has {', '.join(sorted(names)[:8]) or 'none'}; name one of them with --table.",
        )
    return StatusTable(EntitySource(connection, service, target.write_root, name), forced=forced)


def find_set(table: str, names: list[str]) -> str | None:
    """The entity set of a table: of its own name, or of its name without prefix and with `Set` at its end."""
    wanted = _loose(table).removesuffix("set")
    exact = [name for name in names if _loose(name).removesuffix("set") == wanted]
    close = exact or [name for name in names if (short := _loose(name).removesuffix("set")) and wanted.endswith(short)]
    return close[0] if len(close) == 1 else None


def _loose(name: str) -> str:
    return name.replace("_", "").lower()
