"""From a purpose to a signature: which key signs now, and where its private half lies.

    signer = open_signer(ctx, KeyPurpose.BACKUP)        # a Signer; seal(..., [signer])
    keys = custody_of(ctx).accepted(KeyPurpose.BACKUP)  # by key id: whose signatures count now

The keyring says which key it is and names where it lies (`backend_ref`); what comes back from there is believed only
when it is that very key. Outside production a keyring, and a key for a purpose that has none, is made when it is first
needed; in production somebody says `capctl keys init`. New keys are made where the setting `key_backend` says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from engine.audit import AuditEvent, current_intent
from engine.clock import Clock
from engine.errors import Conflict, EngineError, Held, Refused
from engine.ports import KeyringStore
from engine.settings import Settings
from engine.trust.backend import FILE_SCHEME, FileBackend, KeyBackend
from engine.trust.backends import make_backend
from engine.trust.challenge import challenge
from engine.trust.dsse import seal
from engine.trust.high_water import HighWaterFile
from engine.trust.jwk import PublicKey
from engine.trust.keeper import Keeper, changed_meanwhile
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KEYRING_TYPE, LIFETIME, KeyEntry, Keyring, KeyStatus
from engine.trust.signer import Signer

if TYPE_CHECKING:
    from engine.context import EngineContext

INITIAL: Final = (KeyPurpose.REGISTRY, KeyPurpose.RESPONSE, KeyPurpose.CHECKPOINT, KeyPurpose.BACKUP)
"""What every environment needs a key for. The one for readiness reviews belongs to a person, and is made for them."""

PURPOSES: Final = (KeyPurpose.ROOT, *INITIAL, KeyPurpose.ORR)
"""What a keyring may hold keys for. Development tokens are not among them: nobody outside this machine trusts those."""


class Custody:
    """The keys of one environment.

    Args:
        settings: Say where keys lie, and whether this is production.
        store: Where the keyring is.
        clock: The wall time.
        actor: On whose behalf keys are made; a name.
        environ: May hold the passphrase.
        random_bytes: Source of new keys.
        ask_passphrase: Asks whoever is there for the passphrase of a key file, where none is configured.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeyringStore,
        clock: Clock,
        *,
        actor: str,
        environ: Mapping[str, str] = os.environ,
        random_bytes: Callable[[int], bytes] = os.urandom,
        ask_passphrase: Callable[[str], str | None] | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.actor = actor
        self.keeper = Keeper(store, HighWaterFile(settings.checkpoint_path), clock, settings.root_kids)
        self._environ = environ
        self._random_bytes = random_bytes
        self._files = FileBackend(settings, environ=environ, random_bytes=random_bytes, ask=ask_passphrase)
        self._elsewhere: dict[str, KeyBackend] = {}
        self._signers: dict[str, Signer] = {}
        self._let_go_at = 0

    def now(self) -> datetime:
        """The wall time, never behind what was seen before."""
        return self.keeper.now()

    def keyring(self) -> Keyring | None:
        """The newest keyring; None where none was ever made. Raises as `Keeper.current`."""
        return self.keeper.current()

    def accepted(self, purpose: KeyPurpose) -> dict[str, PublicKey]:
        """The keys of a purpose whose signatures count now, by key id; none without a keyring."""
        ring = self.keyring()
        return {} if ring is None else ring.accepted(purpose, self.now())

    def signer(self, purpose: KeyPurpose) -> Signer:
        """Who signs for a purpose now.

        Raises:
            Held: There is no such key, and it is not made here without being asked for.
            Refused: The keyring or the key is not believed, or the key is not open to us.
            Unavailable: The key cannot be reached.
        """
        while True:
            ring = self.keyring()
            entry = None if ring is None else ring.signing(purpose)
            if ring is not None and entry is not None:
                self._let_go(ring)
                return self.open(entry)
            self._check_may_make(purpose)
            # Another process may be making the same keys; then its keyring has them, or lacks but this one.
            with suppress(Conflict):
                _unbidden(self.enrol, [purpose] if ring else [*self._found(), purpose])

    def open(self, entry: KeyEntry) -> Signer:
        """The private half of a key of the keyring.

        Raises:
            Refused: It signs no longer, or what lies there is another key.
            Unavailable: It cannot be reached.
        """
        if not entry.may_sign:
            raise Refused(
                "keys.signs_no_longer", f"The {entry.purpose} key {entry.kid} signs no longer", "See: capctl keys list."
            )
        known = self._signers.get(entry.kid)
        if known is None:
            known = self.backend(entry.backend_ref).open(entry.backend_ref)
            if known.public_key.raw != entry.raw:
                raise Refused(
                    "keys.other_key",
                    f"Where the {entry.purpose} key {entry.kid} should lie is another key",
                    "Put the key back; whoever could exchange it may have used it.",
                )
            self._signers[entry.kid] = known
        return known

    def needs_passphrase(self, entry: KeyEntry) -> bool:
        """Whether somebody has to give a passphrase to open a key. Raises as `read_passphrase`."""
        return entry.backend_ref.startswith(f"{FILE_SCHEME}:") and self._files.needs_passphrase(entry.backend_ref)

    def _let_go(self, ring: Keyring) -> None:
        """Forget the keys that sign no longer: one from a file lies in this process's memory."""
        if ring.version != self._let_go_at:
            used = {key.kid for key in ring.keys if key.may_sign}
            self._signers = {kid: signer for kid, signer in self._signers.items() if kid in used}
            self._let_go_at = ring.version

    def backend(self, ref: str) -> KeyBackend:
        """The back end that a reference names.

        Raises:
            InvalidInput: There is none.
            Unavailable: What it needs is not installed.
        """
        scheme = ref.partition(":")[0]
        if scheme == FILE_SCHEME:
            return self._files
        if scheme not in self._elsewhere:
            self._elsewhere[scheme] = make_backend(
                scheme, self.settings, environ=self._environ, random_bytes=self._random_bytes
            )
        return self._elsewhere[scheme]

    def usual(self, purpose: KeyPurpose) -> str:
        """The scheme of the back end where a key is made when nobody says where.

        The setting `key_backend` does; a purpose that cannot lie there has its key in a file.

        Raises:
            Unavailable: What the back end needs is not installed.
        """
        usual = self.settings.key_backend
        return usual if purpose in self.backend(f"{usual}:").purposes else FILE_SCHEME

    def make_key(self, purpose: KeyPurpose, scheme: str) -> KeyEntry:
        """Make a key in a back end, read it back and try it out. It stands in no keyring yet.

        Raises:
            Refused: It does not sign as it should.
            Unavailable: The back end cannot be reached.
        """
        place = self.backend(f"{scheme}:")
        ref, signer = place.make(purpose)
        try:
            challenge(signer, self._random_bytes)
        except EngineError:
            with suppress(EngineError):
                place.destroy(ref)
            raise
        return KeyEntry(purpose, signer.public_key.raw, KeyStatus.PREPARED, ref, not_before=self.now())

    def discard(self, made: Iterable[KeyEntry]) -> None:
        """Destroy keys that came into no keyring. What cannot be destroyed or looked up now is listed as an orphan."""
        with suppress(EngineError):
            believed = self.keeper.believed()
            named = {key.kid for key in believed.ring.keys} if believed else set()
            for key in made:
                if key.kid not in named:
                    with suppress(EngineError):
                        self.backend(key.backend_ref).destroy(key.backend_ref)

    def enrol(self, purposes: Iterable[KeyPurpose]) -> Keyring:
        """Add a key for each of the purposes that has none, making the keyring where there is none.

        Files that lie there from before are taken for what they are: the first key of their purpose. Whatever the
        registry kept before there was a keyring is signed with its key, which every keyring has.

        Raises:
            Conflict: Somebody else is changing the keyring.
            Refused: A key's file is not safe, or production without a passphrase.
            Unavailable: A key cannot be made or stored.
        """
        before = self.keeper.believed()
        wanted = dict.fromkeys(purposes if before else [KeyPurpose.ROOT, KeyPurpose.REGISTRY, *purposes])
        new = [purpose for purpose in wanted if before is None or before.ring.signing(purpose) is None]
        if before is not None and not new:
            return before.ring
        now, added = self.now(), list[KeyEntry]()
        ring = Keyring(0, "", now, now + LIFETIME, ()) if before is None else before.ring
        try:
            for purpose in new:
                added.append(self._first_key(purpose, now))
            made = self.commit(replace(ring, keys=(*ring.keys, *added)), "keys.init")
        except EngineError:
            # A first file is the purpose's own, and another process may be about to name it.
            self.discard(key for key in added if not self._is_first_file(key))
            raise
        if before is None:
            self.store.sign_unsigned()
        return made

    def commit(self, ring: Keyring, action: str) -> Keyring:
        """Sign a keyring as the next version and make it the newest one.

        Args:
            ring: What it shall say, made from the newest version, or as version 0 where there is none; number,
                predecessor and times are set here.
            action: What the audit trail calls it.

        Raises:
            Conflict: Somebody else has changed the keyring meanwhile.
            EngineError: The root key cannot be used.
        """
        before, now = self.keeper.believed(), self.now()
        version, sha3 = (before.ring.version, before.sha3) if before else (0, "")
        if ring.version != version:
            raise changed_meanwhile()
        ring = replace(ring, version=version + 1, prev_sha3=sha3, issued_at=now, expires=now + LIFETIME)
        signers = [self.open(entry) for entry in ring.of(KeyPurpose.ROOT) if entry.status is KeyStatus.ACTIVE]
        envelope = seal(KEYRING_TYPE, ring.payload(), signers)
        event = AuditEvent(action, "done", self.store.pseudonym(self.actor))
        return self.keeper.commit(envelope, event)

    def _first_key(self, purpose: KeyPurpose, now: datetime) -> KeyEntry:
        scheme = FILE_SCHEME if self._files.has_first(purpose) else self.usual(purpose)
        if scheme != FILE_SCHEME:
            return replace(self.make_key(purpose, scheme), status=KeyStatus.ACTIVE, sign_from=now)
        ref, signer = self._files.first(purpose)
        return KeyEntry(purpose, signer.public_key.raw, KeyStatus.ACTIVE, ref, not_before=now, sign_from=now)

    def _is_first_file(self, key: KeyEntry) -> bool:
        return key.backend_ref == f"{FILE_SCHEME}:{key.purpose}.pem"

    def _found(self) -> list[KeyPurpose]:
        """Purposes whose first key lies there already."""
        return [purpose for purpose in PURPOSES if self._files.has_first(purpose)]

    def _check_may_make(self, purpose: KeyPurpose) -> None:
        if self.settings.is_production:
            raise Held(
                "keys.not_initialised",
                f"The keyring has no {purpose} key",
                f"In production somebody makes it on purpose: capctl keys init --purpose {purpose}.",
            )
        if self.store.is_pending:
            raise Held(
                "keys.dry_run",
                f"There is no {purpose} key yet, and a dry run makes none",
                f"Make it first: capctl keys init --purpose {purpose}.",
            )


def _unbidden(enrol: Callable[[list[KeyPurpose]], Keyring], purposes: list[KeyPurpose]) -> None:
    """Make keys on nobody's order: in the audit trail it is no outcome of the operation that needs them."""
    apart = copy_context()
    apart.run(current_intent.set, None)
    apart.run(enrol, purposes)


def custody_of(ctx: EngineContext, environ: Mapping[str, str] = os.environ, *, asks: bool = False) -> Custody:
    """The keys of a context's environment.

    Args:
        ctx: Whose.
        environ: May hold the passphrase.
        asks: Whether a person is asked for a passphrase that is not configured. Only for what a person signs: nobody
            should be asked for a key that a service uses by itself.
    """
    return Custody(
        ctx.settings,
        ctx.store,
        ctx.clock,
        actor=ctx.actor,
        environ=environ,
        random_bytes=ctx.random_bytes,
        ask_passphrase=ctx.ask_passphrase if asks else None,
    )


def open_signer(ctx: EngineContext, purpose: KeyPurpose, environ: Mapping[str, str] = os.environ) -> Signer:
    """Who signs for a purpose now, through the keyring.

    Side effects: outside production, may make the key and the keyring.

    Raises:
        What `Custody.signer` raises.
    """
    return custody_of(ctx, environ).signer(purpose)
