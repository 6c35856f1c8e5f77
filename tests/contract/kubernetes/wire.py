"""What clients send: JSON, YAML, and two protobuf messages: Helm's release store, and kubectl's access reviews."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import yaml

MAGIC = b"k8s\0"


def read_body(content_type: str, body: bytes) -> Any:
    """The object in a request's body."""
    if body.startswith(MAGIC):
        envelope = dict(_fields(body[len(MAGIC) :]))
        kind = dict(_fields(envelope[1]))[2].decode()
        return _review(envelope[2]) if kind == "SelfSubjectAccessReview" else _secret(kind, envelope[2])
    return yaml.safe_load(body) if "yaml" in content_type else json.loads(body or b"{}")


def _review(message: bytes) -> dict[str, Any]:
    """A SelfSubjectAccessReview: which verb on which resource."""
    names = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource"}
    attributes = dict(_fields(dict(_fields(message))[2]))[1]
    asked = {names[number]: value.decode() for number, value in _fields(attributes) if number in names}
    return {"kind": "SelfSubjectAccessReview", "metadata": {}, "spec": {"resourceAttributes": asked}}


def _secret(kind: str, message: bytes) -> dict[str, Any]:
    """A Secret; other messages (DeleteOptions) come out without data."""
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": {}, "data": {}}
    if kind != "Secret":
        return secret
    for number, value in _fields(message):
        if number == 1:
            secret["metadata"] = _metadata(value)
        elif number == 2:
            key, data = _entry(value)
            secret["data"][key.decode()] = base64.b64encode(data).decode()
        elif number == 3:
            secret["type"] = value.decode()
    return secret


def _metadata(message: bytes) -> dict[str, Any]:
    names = {1: "name", 3: "namespace", 5: "uid", 6: "resourceVersion"}
    found: dict[str, Any] = {"labels": {}}
    for number, value in _fields(message):
        if number in names and value:
            found[names[number]] = value.decode()
        elif number == 11:
            key, label = _entry(value)
            found["labels"][key.decode()] = label.decode()
    return found


def _entry(message: bytes) -> tuple[bytes, bytes]:
    """A map's entry: field 1 is the key, field 2 the value."""
    fields = dict(_fields(message))
    return fields.get(1, b""), fields.get(2, b"")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each length-delimited field (protobuf encoding, wire type 2); numbers are skipped."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        size, position = _varint(message, position)
        if tag & 7 == 2:
            yield tag >> 3, message[position : position + size]
            position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
