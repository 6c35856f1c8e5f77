"""Finds the view of an operation's result; results without one of their own still read well."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeAlias

from capctl.text.layout import Block, Facts, Line, Table
from engine.ops.spec import Operation

View: TypeAlias = Callable[[Any], Iterator[Block]]


def view_of(op: Operation) -> View:
    """The view of an operation: `VIEWS[op.id]` of the module named for its group, else `as_facts`."""
    module = f"capctl.text.views.{op.id.partition('.')[0]}"
    try:
        views: dict[str, View] = import_module(module).VIEWS
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return as_facts
    return views.get(op.id, as_facts)


def as_facts(result: Any) -> Iterator[Block]:
    """Any result, by its JSON form: labels and values, then a table for each list of objects in it."""
    data = result.to_json() if hasattr(result, "to_json") else result
    if not isinstance(data, dict):
        yield Line(_scalar(data))
        return
    tables = {name: value for name, value in data.items() if _is_rows(value)}
    yield Facts([(_label(name), _scalar(value)) for name, value in data.items() if name not in tables])
    for rows in tables.values():
        columns = list(rows[0])
        yield Table([_label(c) for c in columns], [[_scalar(row.get(c)) for c in columns] for row in rows])


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
