"""How entities and errors look on the wire: OData V2 JSON, and error bodies like Gateway's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from engine.sap.simulator.options import SimulatorOptions
from engine.sap.simulator.schema import EntitySet, Property
from engine.sap.simulator.store import Entity, Stored

TRANSACTION_ID: Final = "5F3A0C1E2B7D01E0E0059D4B8A6C7F11"
"""What leads to the entry in a real system's /IWFND/ERROR_LOG."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CODES: Final = {
    400: "/IWBEP/CM_MGW_RT/021",
    404: "/IWBEP/CM_MGW_RT/020",
    409: "/IWBEP/CX_MGW_BUSI_EXCEPTION",
    412: "/IWFND/CM_MGW/594",
    428: "/IWFND/CM_MGW/595",
}


def etag_of(stored: Stored) -> str:
    """The weak ETag of a version."""
    return f"W/\"'{stored.version}'\""


def entity_json(
    entity_set: EntitySet, stored: Stored, root: str, options: SimulatorOptions, selected: frozenset[str] | None
) -> Entity:
    """An entity as it goes over the wire."""
    uri = f"{root}/{entity_set.name}({key_literal(entity_set, stored.entity)})"
    metadata = {"id": uri, "uri": uri, "type": f"{entity_set.service}.{entity_set.type_name}", "etag": etag_of(stored)}
    values = {
        p.name: _out(p, stored.entity.get(p.name), options)
        for p in entity_set.properties
        if selected is None or p.name in selected
    }
    return {"__metadata": metadata, **values}


def key_literal(entity_set: EntitySet, entity: Entity) -> str:
    """The key predicate, percent-encoded."""
    literals = [(name, "'" + str(entity[name]).replace("'", "''") + "'") for name in entity_set.key]
    text = literals[0][1] if len(literals) == 1 else ",".join(f"{name}={literal}" for name, literal in literals)
    return quote(text, safe="'=,")


def stored_form(entity_set: EntitySet, body: Any) -> Entity:
    """A body that was sent, as it is stored.

    Raises:
        ValueError: A property is unknown or a value is none of its type; the message names it.
    """
    if not isinstance(body, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004 - one kind of refusal for the caller
    entity = {}
    for name, value in body.items():
        p = entity_set.property(name)
        if p is None:
            raise ValueError(f"Property {name} is invalid")
        entity[name] = _in(p, value)
    return entity


def error_body(status: int, message: str, options: SimulatorOptions) -> tuple[str, bytes]:
    """Content type and body of an error."""
    code = _CODES.get(status, f"/IWFND/CM_BEC/{status:03d}")
    match options.error_format:
        case "xml":
            text = (
                '<?xml version="1.0" encoding="utf-8"?>'
                '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
                f'<code>{escape(code)}</code><message xml:lang="en">{escape(message)}</message>'
                f"<innererror><transactionid>{TRANSACTION_ID}</transactionid></innererror></error>"
            )
            return "application/xml;charset=utf-8", text.encode()
        case "html":
            text = f"<html><head><title>Error</title></head><body><h1>{status}</h1>{escape(message)}</body></html>"
            return "text/html;charset=utf-8", text.encode()
        case _:
            detail = {"code": code, "message": message, "severity": "error", "target": ""}
            inner = {"transactionid": TRANSACTION_ID, "errordetails": [detail]}
            error = {"code": code, "message": {"lang": "en", "value": message}, "innererror": inner}
            return "application/json;charset=utf-8", json.dumps({"error": error}).encode()


def _out(p: Property, value: Any, options: SimulatorOptions) -> Any:
    if value is None:
        return "" if options.null_as_empty and p.type == "Edm.String" else None
    if p.type == "Edm.DateTime":
        moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
        return f"/Date({round((moment - _EPOCH).total_seconds() * 1000)})/"
    if p.type == "Edm.Decimal" and options.trim_decimals:
        return f"{Decimal(value).normalize():f}"
    return value


def _in(p: Property, value: Any) -> Any:
    if value is None:
        return None
    if p.type == "Edm.String":
        if not isinstance(value, str) or (p.max_length is not None and len(value) > p.max_length):
            raise ValueError(f"Property {p.name} has an invalid value")
        return value
    if p.type == "Edm.DateTime":
        text = str(value)
        if not text.startswith("/Date(") or not text.endswith(")/"):
            raise ValueError(f"Property {p.name} has an invalid value")
        return datetime.fromtimestamp(int(text[6:-2]) / 1000, UTC).replace(tzinfo=None).isoformat()
    return value
