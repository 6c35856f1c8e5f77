"""Making checkpoints: what was recorded is signed soon, and kept where a rewriting of the registry does not reach.

Whoever writes to the registry makes the checkpoints, after the transaction and without ever failing or holding up what
was written. One that cannot be made is tried again later, and is seen by `capctl status` and `doctor`, which compare
the trail with its second place themselves.

Before it signs, a witness makes sure that the trail continues what was signed last. So nobody who rewrites the lines
gets a signature over them: the witness would rather sign nothing, loudly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from engine.audit import Checkpoint, CompactRange, leaf_hash, read_checkpoint, read_record
from engine.clock import Clock
from engine.errors import EngineError, Held, Refused
from engine.ports import AuditLog, AuditState
from engine.settings import Settings
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose, open_private_key
from engine.trust.notes import NoteKey, open_note, sign_note
from engine.trust.passphrase import read_passphrase

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_RECORDS: Final = 256
"""A checkpoint is due when so many records are in none."""

LONGEST_WAIT: Final = timedelta(seconds=60)
"""A checkpoint is due when a record has been in none for so long."""

RETRY_S: Final = 10.0
"""After a failure, time before the next try, in seconds: a full disk must not slow down every write."""


class CheckpointWitness:
    """Makes the checkpoints of a registry. Implements `engine.ports.AuditWitness`. Any thread may use it.

    Args:
        trail: The registry's audit trail.
        file: Its second place.
        open_key: Opens the private key; called with the first checkpoint.
        clock: When a checkpoint is due.
    """

    def __init__(
        self, trail: AuditLog, file: CheckpointFile, open_key: Callable[[], Ed25519PrivateKey], clock: Clock
    ) -> None:
        self._trail = trail
        self._file = file
        self._open_key = open_key
        self._clock = clock
        self._lock = threading.Lock()
        self._covered = 0
        self._waiting_since: datetime | None = None
        """When the oldest record was made that is in no checkpoint; None while there is none, or nobody has looked."""
        self._retry_at = float("-inf")

    def written(self) -> None:
        """Make a checkpoint if one is due."""
        if self._clock.monotonic() >= self._retry_at:
            self._attend(self._is_due)

    def closing(self) -> None:
        """Make a checkpoint if anything is in none: a process that ends leaves nothing behind."""
        self._attend(self._is_anything_left)

    def _attend(self, is_due: Callable[[], bool]) -> None:
        # Another thread that is at it covers what this one wrote, or the next write does.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if is_due():
                make_checkpoint(self._trail, self._file, self._open_key)
                self._look()
        except EngineError:
            self._retry_at = self._clock.monotonic() + RETRY_S
        finally:
            self._lock.release()

    def _is_due(self) -> bool:
        recorded = self._trail.audit_head().seq
        if self._waiting_since is None or self._is_too_much(recorded):
            self._look()  # another process may have made one meanwhile
        return self._is_too_much(recorded)

    def _is_anything_left(self) -> bool:
        self._look()
        return self._waiting_since is not None

    def _is_too_much(self, recorded: int) -> bool:
        if self._waiting_since is None:
            return False
        return recorded - self._covered >= MOST_RECORDS or self._clock.now() - self._waiting_since >= LONGEST_WAIT

    def _look(self) -> None:
        self._covered = self._trail.audit_state().covered.size
        waiting = next(self._trail.audit_lines(after=self._covered), None)
        self._waiting_since = None if waiting is None else read_record(waiting).at


def make_checkpoint(trail: AuditLog, file: CheckpointFile, open_key: Callable[[], Ed25519PrivateKey]) -> str | None:
    """Sign the trail as it is and keep the checkpoint in both places; the second one first.

    Returns:
        The newest checkpoint, a signed note; None where nothing was ever recorded, or another process is making one.

    Raises:
        Refused: The trail does not continue what was signed last.
        EngineError: The key or one of the places cannot be used.
    """
    with file.alone() as is_alone:
        state = trail.audit_state()
        if not is_alone or state.tree.size == 0:
            return None
        key = open_key()
        signer = NoteKey(state.origin, PublicKey(key.public_key().public_bytes_raw()))
        last = file.last()
        signed = None if last is None else read_checkpoint(open_note(last, [signer]))
        _check_continues(trail, state, signed)
        if last is not None and signed is not None and signed.size == state.tree.size:
            note = last
        else:
            text = Checkpoint(state.origin, state.tree.size, state.tree.root()).text()
            note = sign_note(text, state.origin, key)
            file.append(note, signer)
        if note != state.checkpoint:
            trail.note_checkpoint(note, state.tree)
        return note


def begin_anew(trail: AuditLog, file: CheckpointFile) -> None:
    """Set the kept checkpoints aside, so that the next one begins a new file. The trail itself should say why.

    Raises:
        Held: Another process is making a checkpoint.
        Unavailable: One of the places cannot be used.
    """
    with file.alone() as is_alone:
        if not is_alone:
            raise Held("audit.checkpoint_busy", "Another process is making a checkpoint", "Try again.")
        file.set_aside()
        trail.forget_checkpoint()


def open_checkpoint_key(
    settings: Settings, environ: Mapping[str, str], random_bytes: Callable[[int], bytes]
) -> Ed25519PrivateKey:
    """Open the key that signs checkpoints; make it where there is none.

    Raises:
        Refused: Production without a passphrase, or the file is not safe (see `keyfile`).
        Unavailable: The file cannot be read or written.
    """
    passphrase = read_passphrase(settings, environ)
    if settings.is_production and passphrase is None:
        raise Refused(
            "trust.passphrase_required",
            "The checkpoint key must be encrypted in production",
            "Give its passphrase: key_passphrase_file, or the variable CAPCTL_KEY_PASSPHRASE.",
        )
    return open_private_key(settings.state_dir, KeyPurpose.CHECKPOINT, passphrase=passphrase, random_bytes=random_bytes)


def _check_continues(trail: AuditLog, state: AuditState, signed: Checkpoint | None) -> None:
    """Refuse to go on from a trail that is not a continuation of what was signed last.

    Args:
        trail: Its lines since the last checkpoint that the registry knows of are read, no others.
        state: Of the trail.
        signed: The newest checkpoint in the second place; its signature has been checked.
    """
    covered = state.covered
    if signed is None or signed.size < covered.size:
        if state.checkpoint:
            raise _broken("checkpoints that were made are missing from their file")
    elif signed.origin != state.origin:
        raise _broken("the checkpoints are those of another registry")
    elif signed.size > state.tree.size:
        raise _broken(f"it ends at record {state.tree.size}, and a checkpoint of {signed.size} records was signed")
    for tree in _grown(covered, trail.audit_lines(after=covered.size), state.tree.size):
        if signed is not None and tree.size == signed.size and tree.root() != signed.root:
            raise _broken(f"its first {signed.size} records are not those that were signed")
        if tree.size == state.tree.size and tree != state.tree:
            raise _broken(f"its records since {covered.size} are not those that were made")


def _grown(tree: CompactRange, lines: Iterable[bytes], size: int) -> Iterator[CompactRange]:
    yield tree
    for line in islice(lines, size - tree.size):
        tree = tree.append(leaf_hash(line))
        yield tree


def _broken(problem: str) -> Refused:
    return Refused(
        "audit.not_continued",
        f"No checkpoint was made of the audit trail: {problem}",
        "Look with 'capctl audit verify'. After a restore, 'capctl audit checkpoint --anew' begins anew, on record.",
    )
