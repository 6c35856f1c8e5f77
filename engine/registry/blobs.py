"""Content under the digest of its bytes: stored once, and never handed out when a bit of it has flipped.

The digest is SHA-256, not the house's SHA3-256: it names nothing outside this file, and checking a list of a million
members at each load costs a quarter of the time.
"""

from __future__ import annotations

import hashlib
import sqlite3

from engine.registry.faults import Damage


def put(connection: sqlite3.Connection, content: bytes) -> str:
    """Store content, once, and return its digest."""
    digest = digest_of(content)
    connection.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (digest, content))
    return digest


def digest_of(content: bytes) -> str:
    """What content is stored under."""
    return hashlib.sha256(content).hexdigest()


def checked(digest: str, content: bytes) -> bytes:
    """The content, if it is what the digest says.

    Raises:
        Damage: It is not.
    """
    if digest_of(content) != digest:
        raise Damage("a stored document is not what was stored")
    return content
