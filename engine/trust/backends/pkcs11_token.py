"""A PKCS#11 token: one session of this process, logged in, and what its refusals mean for people.

Whoever is logged in is so for a whole process (PKCS #11 v3.1, section 5.6.3), so all of a process share one session for
each token, and take turns in a module. A child does not inherit it: it starts the module anew. A session that broke
off, because the token was pulled or the module was started again, is opened once more, and what was asked is asked
again.

A wrong PIN is tried once and never again, by this process or another one of this machine (`pkcs11_tries`), and the last
try that a token has left is never made: a locked token is a trip to wherever its SO PIN is kept.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from engine.errors import EngineError, InvalidInput, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backends.pkcs11_tries import FILE_NAME, taking_turns
from engine.trust.passphrase import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pkcs11
    from pkcs11._pkcs11 import lib as Library  # noqa: N812  # it is a class

T = TypeVar("T")

PIN_VARIABLE: Final = "CAPCTL_PKCS11_PIN"


@dataclass(slots=True)
class _Module:
    """What a process has of a module."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    process: int = field(default_factory=os.getpid)
    """That started it."""
    sessions: dict[str, pkcs11.Session] = field(default_factory=dict)
    """By the label of the token."""
    refused: dict[str, bytes] = field(default_factory=dict)
    """Digest of the PIN that a token refused, by its label."""


_modules: Final[dict[str, _Module]] = {}
"""By path."""

_forking: Final = threading.local()


def _finish_questions() -> None:
    """Let no thread be in a module while the process is copied: the copy could never end what it was at."""
    _forking.held = list(_modules.values())
    for module in _forking.held:
        module.lock.acquire()


def _go_on() -> None:
    for module in _forking.held:
        module.lock.release()


def _forget_parent() -> None:
    """Leave the sessions behind, which are the parent's, and locks that a thread held that is not here."""
    for path, module in _modules.items():
        _modules[path] = _Module(process=module.process, refused=module.refused)


os.register_at_fork(before=_finish_questions, after_in_parent=_go_on, after_in_child=_forget_parent)


class Token:
    """A token, by its module and its label. Any thread may use it.

    Args:
        module: The library that speaks to it.
        label: Of the token.
        pin: Gives the PIN when somebody has to log in.
        tries: The file in which processes tell each other what the token refused.
    """

    def __init__(self, module: Path, label: str, pin: Callable[[], str], tries: Path) -> None:
        self._path = str(module)
        self._pin = pin
        self._tries = tries
        self.label = label

    def ask(self, question: Callable[[pkcs11.Session], T], *, again: bool = True) -> T:
        """What the token answers, asked in turn.

        Args:
            question: Asks it, in the session. Errors of its own pass.
            again: Ask in a new session where the old one broke off; not for what must not be done twice.

        Raises:
            Refused: The token does not let us in, or does not do it for us.
            Unavailable: It cannot be reached, or fails.
        """
        from pkcs11.exceptions import PKCS11Error

        module = _modules.setdefault(self._path, _Module())
        with module.lock:
            was_open = self.label in module.sessions
            try:
                try:
                    return question(self._session(module))
                except PKCS11Error:
                    self._leave(module)
                    if not (was_open and again):
                        raise
                    return question(self._session(module))
            except PKCS11Error as error:
                self._leave(module)
                raise self._told(error) from None

    def check_present(self) -> None:
        """Make sure that the token itself is there: a session on one that was pulled finds no keys, and no fault.

        Raises:
            Unavailable: It is not.
        """
        from pkcs11.exceptions import PKCS11Error

        module = _modules.setdefault(self._path, _Module())
        with module.lock:
            try:
                self._find(module)
            except PKCS11Error as error:
                raise self._told(error) from None

    def _session(self, module: _Module) -> pkcs11.Session:
        if self.label not in module.sessions:
            module.sessions[self.label] = self._log_in(module)
        return module.sessions[self.label]

    def _log_in(self, module: _Module) -> pkcs11.Session:
        from pkcs11 import TokenFlag
        from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, UserAlreadyLoggedIn

        pin = self._pin()
        digest = hashlib.sha256(pin.encode()).digest()
        if digest == module.refused.get(self.label):
            raise self._wrong_pin()
        with taking_turns(self._tries) as tries:
            token = self._find(module)
            # A token that was unlocked, or given this very PIN, says that nobody was refused since.
            if token.flags & TokenFlag.USER_PIN_COUNT_LOW and tries.was_refused(self.label, pin):
                raise self._wrong_pin()
            if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
                raise self._last_try()
            try:
                return token.open(rw=True, user_pin=pin)
            except UserAlreadyLoggedIn:
                return token.open(rw=True)
            except (PinIncorrect, PinInvalid, PinLenRange):
                module.refused[self.label] = digest
                tries.refused(self.label, pin)
                raise self._wrong_pin() from None

    def _find(self, module: _Module) -> pkcs11.Token:
        from pkcs11.exceptions import MultipleTokensReturned, PKCS11Error

        library = _library(self._path, module)
        try:
            return library.get_token(token_label=self.label)
        except MultipleTokensReturned:
            raise
        except PKCS11Error:  # a module may look only once for what is there
            _start_anew(library, module)
            return library.get_token(token_label=self.label)

    def _leave(self, module: _Module) -> None:
        from pkcs11.exceptions import PKCS11Error

        session = module.sessions.pop(self.label, None)
        if session is not None:
            with suppress(PKCS11Error):
                session.close()

    def _wrong_pin(self) -> Refused:
        return Refused(
            "keys.pkcs11_pin",
            f"The token {self.label!r} does not accept the PIN",
            f"Correct it in pkcs11_pin_file or {PIN_VARIABLE}: a token locks itself after a few wrong ones.",
        )

    def _last_try(self) -> Refused:
        return Refused(
            "keys.pkcs11_last_try",
            f"The token {self.label!r} locks itself with the next wrong PIN, so it is not tried here",
            "Make sure of the PIN, then log in once by hand: pkcs11-tool --login --list-objects, with its --module.",
        )

    def _told(self, error: pkcs11.PKCS11Error) -> EngineError:
        """What an error of the token means."""
        from pkcs11 import exceptions as p11

        name = f"The token {self.label!r}"
        if isinstance(error, p11.NoSuchToken):
            return Unavailable(
                "keys.pkcs11_no_token", f"There is no token {self.label!r}", "Put it in, or check pkcs11_token."
            )
        if isinstance(error, p11.MultipleTokensReturned):
            hint = "Take the other one out, or label it differently: nobody can tell which is meant."
            return Refused("keys.pkcs11_two_tokens", f"Two tokens are labelled {self.label!r}", hint)
        if isinstance(error, p11.PinLocked | p11.PinExpired | p11.UserPinNotInitialized):
            hint = "Whoever holds its SO PIN must set the user PIN anew."
            return Refused("keys.pkcs11_locked", f"{name} takes no PIN any more", hint)
        if isinstance(error, p11.TokenWriteProtected | p11.SessionReadOnly):
            return Refused("keys.pkcs11_read_only", f"{name} is write-protected", "Allow writing to it.")
        if isinstance(error, _unable()):
            hint = "It needs Edwards keys (EDDSA, PKCS #11 v3.0); look what it has: pkcs11-tool --list-mechanisms."
            return Refused("keys.pkcs11_unable", f"{name} has no Ed25519", hint)
        if type(error) is p11.PKCS11Error and "loading" in str(error):
            hint = "Check pkcs11_module: it names the library that came with the token."
            return Unavailable("keys.pkcs11_no_module", "The PKCS#11 module cannot be loaded", hint)
        return Unavailable(
            "keys.pkcs11_failed",
            f"{name} does not answer as it should ({type(error).__name__})",
            "Check that it is there and its service runs, then try again.",
        )


def open_token(settings: Settings, environ: Mapping[str, str]) -> Token:
    """The token that is configured; it is asked nothing yet.

    Raises:
        InvalidInput: None is.
    """
    if settings.pkcs11_module is None or not settings.pkcs11_token:
        raise InvalidInput(
            "keys.pkcs11_not_configured", "No PKCS#11 token is configured", "Set pkcs11_module and pkcs11_token."
        )
    tries = settings.state_dir / FILE_NAME
    return Token(settings.pkcs11_module, settings.pkcs11_token, lambda: read_pin(settings, environ), tries)


def read_pin(settings: Settings, environ: Mapping[str, str]) -> str:
    """The PIN that is configured.

    Raises:
        InvalidInput: It is no text.
        Refused: Its file is open to other users.
        Unavailable: None is configured, or the file cannot be read.
    """
    if settings.pkcs11_pin_file is None:
        pin = environ.get(PIN_VARIABLE, "")
    else:
        try:
            lines = read_secret(settings.pkcs11_pin_file, what="PIN").decode().splitlines()
        except UnicodeDecodeError:
            raise InvalidInput("keys.pkcs11_pin_text", "The PIN file holds no text", "Write the PIN in it.") from None
        pin = lines[0] if lines else ""
    if not pin:
        hint = f"Set pkcs11_pin_file or {PIN_VARIABLE}."
        raise Unavailable("keys.pkcs11_no_pin", "There is no PIN for the token", hint)
    return pin


def _library(path: str, module: _Module) -> Library:
    import pkcs11

    library = pkcs11.lib(path)
    if module.process != os.getpid():
        _start_anew(library, module)  # what a fork copied is the parent's (PKCS #11 v3.1, section 5.4)
    return library


def _start_anew(library: Library, module: _Module) -> None:
    module.sessions.clear()
    library.reinitialize()
    module.process = os.getpid()


def _unable() -> tuple[type[Exception], ...]:
    from pkcs11 import exceptions as p11

    return (
        p11.MechanismInvalid,
        p11.DomainParamsInvalid,
        p11.FunctionNotSupported,
        p11.KeyTypeInconsistent,
        p11.TemplateInconsistent,
        p11.AttributeValueInvalid,
    )
