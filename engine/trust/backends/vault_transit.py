"""The transit engine of Vault or OpenBao: what is asked of it, and what its answers mean for people.

The token is read anew for every request, because an agent that renews it replaces the file and restarts nothing.
Nothing below leaves with an error: a failed request still carries its headers, and with them the token.

Source: the HTTP API of OpenBao 2.7 (`/api-docs/secret/transit`), which Vault shares; tried against a real server.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from engine.errors import EngineError, InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from hvac import Client  # type: ignore[import-untyped]

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

TIMEOUTS_S: Final = (2.0, 5.0)
"""For the connection, and for the answer. A signature takes Vault a millisecond; who waits is a verification."""

VERSION: Final = 1
"""The one version of each key: a rotation makes another key, so no version ever has to be taken back."""

_SIGNATURE: Final = f"vault:v{VERSION}:"
_ED25519: Final = "ed25519"


class Transit:
    """A transit engine at its mount.

    Every method raises Unavailable where the engine cannot be reached, is sealed or fails, and Refused where it does
    not let us.

    Args:
        address: Base URL; https, except to this machine.
        mount: Path of the engine.
        token: Gives the token of each request.
        ca_file: Certificates to trust instead of the system's, `VAULT_CACERT`.
        namespace: `VAULT_NAMESPACE`.

    Raises:
        InvalidInput: The address is not encrypted.
    """

    def __init__(
        self, address: str, mount: str, token: Callable[[], str], *, ca_file: str | None, namespace: str | None
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise InvalidInput(
                "keys.vault_in_clear",
                "The token for Vault would travel unencrypted",
                "Give an https vault_address, or reach Vault through an agent on this machine.",
            )
        self._address = address
        self._mount = mount
        self._token = token
        self._ca_file = ca_file
        self._namespace = namespace

    def create(self, name: str) -> None:
        """Make an Ed25519 key that can neither be exported nor backed up. One of that name stays as it is."""
        with self._asking() as transit:
            transit.create_key(
                name, key_type=_ED25519, exportable=False, allow_plaintext_backup=False, mount_point=self._mount
            )

    def read(self, name: str) -> Mapping[str, Any] | None:
        """What the engine says of a key; None where there is none. Unverified data."""
        try:
            with self._asking() as transit:
                return _data(transit.read_key(name, mount_point=self._mount))
        except NotFound as missing:
            if missing.code == _NO_MOUNT:
                raise
            return None

    def names(self) -> list[str]:
        """The names of all keys that the token may see."""
        try:
            with self._asking() as transit:
                names = _data(transit.list_keys(mount_point=self._mount)).get("keys")
        except NotFound as missing:
            if missing.code == _NO_MOUNT:
                raise
            return []
        if not isinstance(names, list):
            raise not_transit()
        return [str(name) for name in names]

    def sign(self, name: str, message: bytes) -> bytes:
        """What the engine gives for a signature: nothing says yet that it is one. Raises NotFound without the key."""
        encoded = base64.b64encode(message).decode()
        with self._asking() as transit:
            answer = _data(
                transit.sign_data(name, hash_input=encoded, key_version=VERSION, mount_point=self._mount)
            ).get("signature")
        if not isinstance(answer, str) or not answer.startswith(_SIGNATURE):
            raise not_transit()
        try:
            return base64.b64decode(answer.removeprefix(_SIGNATURE), validate=True)
        except binascii.Error:
            raise not_transit() from None

    def delete(self, name: str) -> None:
        """Delete a key with all that it ever was; no request brings it back."""
        with self._asking() as transit:
            transit.update_key_configuration(name, deletion_allowed=True, mount_point=self._mount)
            transit.delete_key(name, mount_point=self._mount)

    @cached_property
    def _client(self) -> Client:
        import hvac
        from requests import Session

        session = Session()
        session.verify = self._ca_file or True
        # Neither a proxy nor a .netrc that happens to be configured here gets to see the token; nor does a redirect.
        session.trust_env = False
        return hvac.Client(
            url=self._address,
            token="",
            timeout=TIMEOUTS_S,
            allow_redirects=False,
            session=session,
            namespace=self._namespace,
        )

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """The client's calls of the transit engine; what goes wrong inside is told as an EngineError."""
        from hvac.exceptions import VaultError  # type: ignore[import-untyped]
        from requests.exceptions import RequestException

        client = self._client
        client.token = self._token()
        try:
            yield client.secrets.transit
        except VaultError as error:
            raise _answered(error, self._mount) from None
        except RequestException as error:
            raise _unanswered(error) from None
        except OSError:  # requests does not wrap a file of certificates that is missing
            raise _untrusted() from None


_NO_MOUNT: Final = "keys.vault_no_mount"


def _data(answer: Any) -> Mapping[str, Any]:
    """The data of an answer. An answer that is none is a redirect, or something else than Vault."""
    if not isinstance(answer, dict):
        if 300 <= getattr(answer, "status_code", 0) < 400:
            raise Unavailable(
                "keys.vault_redirects",
                "Vault sends us to another server, and the token is not taken there",
                "Name the active server in vault_address, or what stands before all of them.",
            )
        raise not_transit()
    data = answer.get("data")
    if not isinstance(data, dict):
        raise not_transit()
    return data


def not_transit() -> Refused:
    """What answers is something else, by the shape of its answer."""
    return Refused(
        "keys.vault_not_transit",
        "What answers at the Vault address is no transit engine",
        "Check vault_address and vault_mount.",
    )


def _answered(error: Any, mount: str) -> EngineError:
    """What an answer that is an error means."""
    from hvac import exceptions as vault

    told = " ".join(map(str, error.errors or ()))
    if isinstance(error, vault.Forbidden | vault.Unauthorized):
        return Refused(
            "keys.vault_denied",
            "Vault does not let us: the token has ended, or its policy does not allow this",
            "Renew the token, or let its policy allow it: docs/trust.md names the paths.",
        )
    if isinstance(error, vault.InvalidPath) and "no handler for route" in told:
        return NotFound(
            _NO_MOUNT, f"Vault has no secrets engine at {mount}/", f"Check vault_mount, or enable transit at {mount}/."
        )
    if isinstance(error, vault.InvalidPath) or "key not found" in told:
        return NotFound("keys.vault_no_key", "The key is not in Vault", "Put it back, or rotate to another one.")
    if isinstance(error, vault.VaultNotInitialized | vault.VaultDown):
        state = "sealed" if "sealed" in told else "not ready"
        return Unavailable("keys.vault_sealed", f"Vault is {state}", "Whoever runs it must unseal it; then go on.")
    if isinstance(error, vault.InvalidRequest):
        return Refused("keys.vault_refused", "Vault refuses the request", "Its audit log says why.")
    return Unavailable("keys.vault_failed", "Vault cannot do it now", "Its log says why; try again.")


def _unanswered(error: Exception) -> EngineError:
    """What it means that no answer came."""
    from requests import exceptions as http

    if isinstance(error, http.SSLError):
        return _untrusted()
    if isinstance(error, http.Timeout):
        return Unavailable("keys.vault_silent", "Vault does not answer in time", "Check that it runs; try again.")
    return Unavailable("keys.vault_unreachable", "Vault cannot be reached", "Check that it runs, and vault_address.")


def _untrusted() -> Unavailable:
    return Unavailable(
        "keys.vault_untrusted",
        "The server at the Vault address does not prove to be Vault",
        "Name the authority of its certificate in VAULT_CACERT, and check vault_address.",
    )
