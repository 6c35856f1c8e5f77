"""What the registry states, signed, about each policy and each list that it keeps.

A statement holds hashes and nothing that could change: which id stands for which IR, which root for which members. It
is checked whenever the thing is loaded, so that a row that was edited, exchanged for another one or never signed is
refused. Signing it again adds a signature and changes nothing in it, so neither `ir_hash` nor an ETag can change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from engine.__version__ import __version__
from engine.clock import to_rfc3339
from engine.errors import EngineError, Refused
from engine.ports import EntrySealer, PublishedPolicy, SignedEntry

POLICY: Final = "application/vnd.capctl.registry-entry.v1+json"
REFERENCE_SET: Final = "application/vnd.capctl.reference-set.v1+json"

_ADDED: Final = frozenset({"compiler", "entry_seq", "keyring_version"})
"""What a statement holds beside that which is compared when it is checked."""


def about_policy(entry: PublishedPolicy, ir_size: int) -> dict[str, object]:
    """What is stated about a policy.

    Args:
        entry: As it is listed.
        ir_size: Of its canonical IR, in bytes.
    """
    return {
        "policy_id": entry.policy_id,
        "policy_hash": entry.policy_hash,
        "ir_hash": entry.ir_hash,
        "ir_size": ir_size,
        "published_at": to_rfc3339(entry.published_at),
    }


def about_list(root: str, count: int, digest: str) -> dict[str, object]:
    """What is stated about a list: its name may change, its members may not.

    Args:
        root: Its Merkle root.
        count: Of its members.
        digest: SHA-256 of its lines, under which they are stored: a million members are not hashed into their tree
            at each load.
    """
    return {"root": root, "count": count, "sha256": digest}


def put(
    connection: sqlite3.Connection, sealer: EntrySealer, kind: str, subject: str, about: Mapping[str, object]
) -> None:
    """Sign a statement and store it, in the place of an older one about the same thing."""
    seq = _place(connection, kind, subject)
    envelope = sealer.seal(kind, {**about, "compiler": f"capctl {__version__}", "entry_seq": seq})
    connection.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", (seq, kind, subject, envelope))


def check(
    sealer: EntrySealer, stored: tuple[int, bytes] | None, kind: str, subject: str, about: Mapping[str, object]
) -> None:
    """Refuse what is not what was signed.

    Args:
        sealer: Checks the signature.
        stored: The statement's place and envelope, from `stored`.
        kind: Of what.
        subject: Which.
        about: What the registry holds.

    Raises:
        Refused: It was never signed, or by nobody who counts, or it is something else that was signed.
    """
    if stored is None:
        raise refused(subject, "it is not signed")
    seq, envelope = stored
    try:
        statement = dict(sealer.opened(kind, envelope))
    except EngineError as error:
        raise refused(subject, f"its signature does not count ({error.code})") from error
    if statement.get("entry_seq") != seq or {n: v for n, v in statement.items() if n not in _ADDED} != dict(about):
        raise refused(subject, "it is not what was signed")


def stored(connection: sqlite3.Connection, kind: str, subject: str) -> tuple[int, bytes] | None:
    """Place and envelope of a statement; None where there is none."""
    row = connection.execute(
        "SELECT seq, envelope FROM entry WHERE kind = ? AND subject = ?", (kind, subject)
    ).fetchone()
    return None if row is None else (int(row[0]), bytes(row[1]))


def everything(connection: sqlite3.Connection) -> Sequence[SignedEntry]:
    """Every statement, by kind and subject."""
    rows = connection.execute("SELECT kind, subject, envelope FROM entry ORDER BY kind, subject")
    return [SignedEntry(kind, subject, bytes(envelope)) for kind, subject, envelope in rows]


def replace(connection: sqlite3.Connection, before: SignedEntry, after: SignedEntry) -> bool:
    """Exchange an envelope for another one, if it is still there."""
    changed = connection.execute(
        "UPDATE entry SET envelope = ? WHERE kind = ? AND subject = ? AND envelope = ?",
        (after.envelope, before.kind, before.subject, before.envelope),
    )
    return changed.rowcount == 1


def refused(subject: str, problem: str) -> Refused:
    """What the registry holds is not what was signed."""
    return Refused(
        "registry.not_signed",
        f"{subject} is not used: {problem}",
        "Publish or import it again from its source; what was stored before there were keys: capctl keys init.",
    )


def _place(connection: sqlite3.Connection, kind: str, subject: str) -> int:
    present = stored(connection, kind, subject)
    if present is not None:
        return present[0]
    (highest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()
    return int(highest) + 1
