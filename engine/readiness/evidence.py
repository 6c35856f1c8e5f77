"""Files that somebody showed: kept under their hash, so that what was attested can be looked at later.

They lie in `orr/evidence/` of the state directory, each named by its SHA3-256, readable by their owner alone. The
review, and with it the signature, holds the hash.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from engine.errors import InvalidInput, Unavailable
from engine.ids import hash_bytes
from engine.readiness.review import Evidence

MAX_BYTES: Final = 10 * 2**20
"""Largest piece of evidence: a report, a picture, a log excerpt."""

MAX_NAME: Final = 120


def describe_evidence(name: str, content: bytes) -> Evidence:
    """What a review says of a file that somebody shows.

    Args:
        name: As it was called; only what comes after the last slash counts.
        content: What is in it.

    Raises:
        InvalidInput: It is empty or too large, or its name is too long or cannot be printed.
    """
    short = name.rpartition("/")[2]
    if not 0 < len(content) <= MAX_BYTES:
        problem = "is empty" if not content else f"is larger than {MAX_BYTES // 2**20} MB"
        raise InvalidInput("orr.evidence_size", f"The evidence {short[:MAX_NAME]!r} {problem}", "Show what matters.")
    if not 0 < len(short) <= MAX_NAME or not short.isprintable():
        raise InvalidInput("orr.evidence_name", "The evidence needs a plain name", "Rename the file.")
    return Evidence(short, hash_bytes(content), len(content))


def keep_evidence(state_dir: Path, evidence: Evidence, content: bytes) -> None:
    """Keep a file that somebody shows. Keeping it again changes nothing.

    Side effects: creates `orr/evidence/` (0700) and the file (0600), complete or not at all.

    Raises:
        Unavailable: It cannot be stored.
    """
    directory, name = state_dir / "orr" / "evidence", evidence.hash.partition(":")[2]
    draft = directory / f".{name}.{secrets.token_hex(8)}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(directory / name)
    except OSError as error:
        draft.unlink(missing_ok=True)
        reason = (error.strerror or "").lower()
        raise Unavailable(
            "orr.evidence_not_kept", f"The evidence cannot be kept: {reason}", "The state directory must be writable."
        ) from error
