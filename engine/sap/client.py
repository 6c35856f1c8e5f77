"""Reading from SAP: what the services offer, and their entities page by page.

pyodata knows the metadata, the types, the query options and the key literals; paging is ours, because no two servers
do it alike. A page is trusted for nothing: keys are counted, tokens must change, and what a filter should have left
out is left out here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from engine.errors import Refused, Unavailable
from engine.sap.bridge import PyodataBridge
from engine.sap.connection import Answer, SapConnection

MAX_PAGES: Final = 100_000
DEFAULT_PAGE_SIZE: Final = 1000
"""Entities asked for at once; a server may send smaller pages."""

Row = dict[str, Any]
"""Values by property, typed as the metadata says; `etag` apart."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as it was read."""

    values: Row
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some entities, and how many there are in all."""

    entities: tuple[Entity, ...]
    total: int | None
    """None where the server does not say."""
    following: str
    """URL of the next page; empty on the last."""


@dataclass(frozen=True, slots=True)
class PropertyType:
    """What the metadata says of a property."""

    name: str
    edm: str
    max_length: int | None
    scale: int | None
    nullable: bool


class EntitySource:
    """One entity set of one service.

    Args:
        connection: To the system.
        service: pyodata's service.
        root: URL of the service.
        name: Of the entity set.
    """

    def __init__(self, connection: SapConnection, service: Any, root: str, name: str) -> None:
        self._service = service
        self._type = service.schema.entity_set(name).entity_type
        self.connection = connection
        self.target = connection.target
        self.root = root
        self.name = name
        self.key = tuple(p.name for p in self._type.key_proprties)
        self.properties: Mapping[str, PropertyType] = {p.name: _described(p) for p in self._type.proprties()}

    def entities(
        self, select: Sequence[str], *, condition: str = "", page_size: int = DEFAULT_PAGE_SIZE
    ) -> Iterator[Page]:
        """Every entity, page by page, in the order of the key where the server sorts.

        Args:
            select: The properties wanted; no others are asked for.
            condition: $filter; whoever calls filters again.
            page_size: Entities asked for at once; 0 leaves paging to the server.

        Raises:
            Refused: Paging goes round in circles.
            EngineError: What the server answers.
        """
        skip, beginnings = 0, set()
        while True:
            sent, total = 0, None
            for page in self._window(select, condition, skip, page_size):
                if page.entities and not sent:
                    beginning = tuple(page.entities[0].values.get(name) for name in self.key)
                    if beginning in beginnings:
                        raise self._circles()
                    beginnings.add(beginning)
                sent += len(page.entities)
                total = page.total if page.total is not None else total
                yield page
            skip += sent
            # A window that is not full is the last; one that is too full comes from a server that sends everything.
            if not page_size or sent != page_size or skip == total:
                return

    def key_path(self, values: Mapping[str, Any]) -> str:
        """The path of one entity, percent-encoded, relative to the service's root."""
        from pyodata.v2.service import EntityKey

        names = {name: values[name] for name in self.key}
        key = EntityKey(self._type, next(iter(names.values()))) if len(names) == 1 else EntityKey(self._type, **names)
        # Servers disagree about encoded delimiters, and agree about everything else.
        return self.name + quote(key.to_key_string(), safe="()',=")

    def literal(self, name: str, value: Any) -> str:
        """A value as it stands in a $filter."""
        return str(self._type.proprty(name).to_literal(value))

    def to_json(self, values: Mapping[str, Any]) -> Row:
        """Values as they stand in a request's body."""
        return {
            name: None if value is None else self._type.proprty(name).to_json(value) for name, value in values.items()
        }

    def _window(self, select: Sequence[str], condition: str, skip: int, top: int) -> Iterator[Page]:
        request = self._request(select, condition, skip, top)
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            with _pyodata_errors():
                page: Page = request.execute()
            yield page
            if not page.following:
                return
            following = self.connection.rebase(page.following)
            if following in seen:
                break
            seen.add(following)
            request = self._request(select, "", 0, 0).next_url(following)
        raise self._circles()

    def _circles(self) -> Refused:
        return Refused(
            "sap.paging_repeats",
            f"SAP's paging of {self.name} goes round in circles",
            "The service's paging is faulty; nothing was used. Try --page-size 0, or 100000.",
        )

    def _request(self, select: Sequence[str], condition: str, skip: int, top: int) -> Any:
        from pyodata.v2.service import GetEntitySetRequest

        request = GetEntitySetRequest(
            self._service.url, self._service.connection, self._read_page, self.name, self._type
        )
        request.select(",".join(select)).count(inline=True)
        if condition:
            request.filter(condition)
        if top:
            request.top(top).skip(skip).order_by(",".join(self.key))
        return request

    def _read_page(self, answer: Answer) -> Page:
        """Read a page's body; called by pyodata."""
        from pyodata.exceptions import PyODataException

        try:
            content = answer.json()["d"]
            rows = content["results"] if isinstance(content, dict) else content
            details = content if isinstance(content, dict) else {}
            total = int(details["__count"]) if "__count" in details else None
            return Page(tuple(map(self._entity, rows)), total, str(details.get("__next") or ""))
        except (PyODataException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            hint = "Something between here and SAP may have answered instead; docs/sap.md says how to look."
            raise Unavailable("sap.unreadable", f"SAP's answer about {self.name} is no OData V2 JSON", hint) from error

    def _entity(self, row: Row) -> Entity:
        values = {
            name: None if row[name] is None else self._type.proprty(name).from_json(row[name])
            for name in self.properties
            if name in row
        }
        return Entity(values, str(row.get("__metadata", {}).get("etag", "")))


def open_service(connection: SapConnection, root: str, *, what: str) -> Any:
    """A service with its metadata, as pyodata's object.

    Args:
        connection: To the system.
        root: URL of the service.
        what: What it is for, in an error: `read the suppliers`.

    Raises:
        Unavailable: The metadata is none, or it cannot be had.
        EngineError: What the server answers.
    """
    import pyodata
    from pyodata.v2.model import Config, ParserError, PolicyIgnore

    # Annotations are for user interfaces, and real services have some that pyodata does not know.
    policies = {error: PolicyIgnore() for error in (ParserError.ANNOTATION, ParserError.ASSOCIATION)}
    config = Config(retain_null=True, custom_error_policies=policies)
    with _pyodata_errors():
        return pyodata.Client(root, PyodataBridge(connection, what=what), config=config)


@contextmanager
def _pyodata_errors() -> Iterator[None]:
    """What pyodata raises, without its texts: they hold bodies and URLs."""
    from pyodata.exceptions import PyODataException

    try:
        yield
    except (PyODataException, KeyError, AttributeError, RuntimeError, ValueError, SyntaxError) as error:
        # lxml's errors about malformed XML are SyntaxErrors.
        raise _no_metadata() from error


def _no_metadata() -> Unavailable:
    hint = "Open SERVICE/$metadata in a browser: a logon page or a proxy may answer in SAP's place."
    return Unavailable("sap.metadata", "The service's metadata cannot be understood", hint)


def _described(p: Any) -> PropertyType:
    return PropertyType(
        name=p.name,
        edm=p.typ.name,
        max_length=p.max_length if isinstance(p.max_length, int) and p.max_length > 0 else None,
        scale=p.scale if isinstance(p.scale, int) else None,
        nullable=bool(p.nullable),
    )
