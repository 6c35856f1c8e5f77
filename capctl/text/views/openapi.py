"""How the contract of the HTTP service is shown: as the document it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Raw
from capctl.text.views.select import View
from engine.ops.results.openapi import OpenApi


def show(result: OpenApi) -> Iterator[Block]:
    """The YAML, line by line."""
    yield from map(Raw, result.document.decode().splitlines())


VIEWS: Final[dict[str, View]] = {"openapi.show": show}
