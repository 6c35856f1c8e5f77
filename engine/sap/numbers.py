"""The map of supplier numbers that an operator may ask to be kept: the one file that holds them, and private.

Without it write-back reads the numbers from SAP again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from engine.errors import InvalidInput
from engine.sap.private import read_private, write_private

_WHAT: Final = "map of supplier numbers"


class NumberMap:
    """Supplier numbers by pseudonym."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self._numbers = numbers

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a kept map.

        Raises:
            InvalidInput: The file holds something else.
            Refused: Others can read it.
            Unavailable: It cannot be read.
        """
        try:
            document = json.loads(read_private(path, what=_WHAT))
            numbers = {str(pseudonym): str(number) for pseudonym, number in document["suppliers"].items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "Give the file that --keep-map made."
            raise InvalidInput("sap.map_malformed", f"The {_WHAT} is none", hint) from error
        return cls(numbers)

    @staticmethod
    def write(path: Path, numbers: Iterable[tuple[str, str]]) -> None:
        """Keep a map. Raises Unavailable."""
        write_private(path, json.dumps({"version": 1, "suppliers": dict(numbers)}).encode(), what=_WHAT)

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Pseudonym and number of every supplier."""
        return iter(self._numbers.items())
