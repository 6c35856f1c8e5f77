"""pyodata on our connection: it asks for `get` and `request`, and gets answers.

pyodata always passes its query options apart from the URL, also when a `__next` URL has options of its own; a plain
httpx client then drops those and reads the first page for ever. Here they are merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from engine.sap.connection import Answer, SapConnection, with_query


class PyodataBridge:
    """The connection object that pyodata works with. Reads only: writing is `batch`'s business.

    Args:
        connection: What really sends.
        what: What is being read, for an error.
    """

    def __init__(self, connection: SapConnection, *, what: str) -> None:
        self._connection = connection
        self._what = what

    def get(self, url: str) -> Answer:
        """Fetch the service's metadata."""
        return self._connection.read(url, what=self._what, accept="application/xml")

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], params: str = "", data: str | None = None
    ) -> Answer:
        """Fetch entities.

        Raises:
            ValueError: pyodata wants to modify something.
        """
        if method != "GET" or data is not None:
            raise ValueError("the bridge only reads")
        options = dict(parse_qsl(params, keep_blank_values=True))
        return self._connection.read(
            with_query(url, options), what=self._what, accept=headers.get("Accept", "application/json")
        )
