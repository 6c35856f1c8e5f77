"""One simulated OData service: `$metadata`, its entity set, single entities, `$batch`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from engine.sap.multipart import MalformedMultipart
from engine.sap.simulator.batch import BatchProcessor, InnerRequest, Reply
from engine.sap.simulator.options import SimulatorOptions
from engine.sap.simulator.query import EVERYTHING, BadQuery, parse_filter
from engine.sap.simulator.rendering import entity_json, etag_of, stored_form
from engine.sap.simulator.schema import EntitySet, metadata_document
from engine.sap.simulator.store import DuplicateKey, Entity, SimulatorStore, Stored

Refuse = Callable[[int, str], Reply]

_JSON: Final = {"content-type": "application/json;charset=utf-8", "dataserviceversion": "2.0"}
_XML: Final = {"content-type": "application/xml;charset=utf-8", "dataserviceversion": "2.0"}
_KEY: Final = re.compile(r"(?:(\w+)=)?'((?:[^']|'')*)'")
_EVERYTHING: Final = 10**9


class _Undo(Exception):
    """Ends a changeset that failed."""


class Service:
    """Answers requests to one service.

    Args:
        store: The system's database.
        options: How it behaves.
        entity_set: The one set of the service.
        root: URL of the service, as the caller sees it.
        refuse: Makes an error answer.
    """

    def __init__(
        self, store: SimulatorStore, options: SimulatorOptions, entity_set: EntitySet, root: str, refuse: Refuse
    ) -> None:
        self._store = store
        self._options = options
        self._set = entity_set
        self._root = root
        self._refuse = refuse

    def answer(self, request: InnerRequest, resource: str) -> Reply:
        """Answer a request.

        Args:
            request: What was asked.
            resource: The path below the service, decoded.
        """
        if resource == "":
            return _json(200, {"d": {"EntitySets": [self._set.name]}})
        if resource == "$metadata":
            return Reply(200, _XML, self._metadata())
        if resource == "$batch" and request.method == "POST":
            return self._batch(request)
        options = dict(parse_qsl(urlsplit(request.target).query))
        if resource == self._set.name:
            return self._create(request) if request.method == "POST" else self._list(request, options)
        if resource.startswith(f"{self._set.name}(") and resource.endswith(")"):
            return self._single(request, resource[len(self._set.name) + 1 : -1])
        return self._refuse(404, f"Resource not found for segment '{resource}'")

    def _metadata(self) -> bytes:
        without = frozenset(self._options.without)
        if self._set.writable and not self._options.key_in_metadata:
            return (
                metadata_document(self._set, without=without).replace('<PropertyRef Name="SupplierId"/>', "").encode()
            )
        return metadata_document(self._set, without=without).encode()

    def _list(self, request: InnerRequest, options: dict[str, str]) -> Reply:
        try:
            condition = parse_filter(options["$filter"], self._set) if "$filter" in options else EVERYTHING
            top = int(options.get("$top", _EVERYTHING))
            skip = int(options.get("$skip", 0))
            start = int(options.get("$skiptoken", 0))
        except (BadQuery, ValueError):
            return self._refuse(400, "Invalid query option")
        if self._options.ignore_filter:
            condition = EVERYTHING
        if self._options.ignore_skip:
            skip = 0
        total = self._store.count(self._set, condition.sql, condition.values)
        wanted = max(min(top, total - skip) - start, 0)
        size = min(wanted, self._options.page_size or wanted)
        page = self._store.select(self._set, *condition, skip=skip + start, limit=size)
        document: Entity = {"results": [self._entity(stored, options) for stored in page]}
        if options.get("$inlinecount") == "allpages" and self._options.inline_count:
            document["__count"] = str(total)
        if start + size < min(top, total - skip) and size:
            document["__next"] = self._next(request, options, start if self._options.repeat_page else start + size)
        return _json(200, {"d": document})

    def _next(self, request: InnerRequest, options: dict[str, str], start: int) -> str:
        root = urlsplit(self._root)
        host = self._options.next_host or root.netloc
        path = urlsplit(request.target).path
        query = urlencode({**options, "$skiptoken": start}, quote_via=quote)
        return f"{root.scheme}://{host}{path}?{query}"

    def _entity(self, stored: Stored, options: dict[str, str]) -> Entity:
        selected = frozenset(options["$select"].split(",")) if "$select" in options else None
        return entity_json(self._set, stored, self._root, self._options, selected)

    def _create(self, request: InnerRequest) -> Reply:
        if not self._set.writable:
            return self._refuse(405, "Method not allowed")
        try:
            entity = self._body(request)
            self._store.insert(self._set, [entity])
        except (ValueError, KeyError) as error:
            return self._refuse(400, str(error))
        except DuplicateKey:
            return self._refuse(self._options.duplicate_status, "Resource already exists")
        stored = Stored(entity, 1)
        reply = _json(201, {"d": self._entity(stored, {})})
        return reply._replace(headers={**reply.headers, "etag": etag_of(stored)})

    def _single(self, request: InnerRequest, key: str) -> Reply:
        pairs = [(name, text.replace("''", "'")) for name, text in _KEY.findall(key)]
        entity_key = {name or self._set.key[0]: text for name, text in pairs}
        stored = self._store.get(self._set, entity_key) if entity_key.keys() == set(self._set.key) else None
        if stored is None:
            return self._refuse(404, "Resource not found")
        if request.method in ("PUT", "MERGE", "PATCH"):
            return self._update(request, stored)
        if request.method != "GET":
            return self._refuse(405, "Method not allowed")
        return _json(200, {"d": self._entity(stored, {})})

    def _update(self, request: InnerRequest, stored: Stored) -> Reply:
        given = request.headers.get("if-match")
        if given is None and self._options.etag_required:
            return self._refuse(428, "If-Match is required")
        if given not in (None, "*", etag_of(stored)):
            return self._refuse(412, "Precondition failed")
        try:
            change = self._body(request, partial=True)
        except ValueError as error:
            return self._refuse(400, str(error))
        replaced = request.method == "PUT" and self._options.put_replaces
        key = {name: stored.entity[name] for name in self._set.key}
        stored = self._store.replace(self._set, {**(key if replaced else stored.entity), **change, **key})
        if self._options.merge_status == 204:
            return Reply(204, {"etag": etag_of(stored)}, b"")
        return _json(self._options.merge_status, {"d": self._entity(stored, {})})

    def _body(self, request: InnerRequest, *, partial: bool = False) -> Entity:
        entity = stored_form(self._set, json.loads(request.body))
        if partial:
            return entity
        return {p.name: entity.get(p.name) for p in self._set.properties} | {k: entity[k] for k in self._set.key}

    def _batch(self, request: InnerRequest) -> Reply:
        if not self._options.batch:
            return self._refuse(501, "$batch is not supported")
        processor = BatchProcessor(self._options, self._inner, self._refuse, self._transaction)
        try:
            return processor.answer(request.headers.get("content-type", ""), request.body)
        except MalformedMultipart:
            return self._refuse(400, "Malformed batch")

    def _inner(self, request: InnerRequest) -> Reply:
        path = urlsplit(request.target).path
        return self.answer(request, unquote(path.rpartition(self._root.rpartition("/")[2] + "/")[2]))

    def _transaction(self, work: Callable[[], bool]) -> None:
        with suppress(_Undo), self._store.transaction():
            if not work():
                raise _Undo


def _json(status: int, document: Any) -> Reply:
    return Reply(status, _JSON, json.dumps(document, ensure_ascii=False).encode())
