"""Where private keys may lie besides files: one module for each kind of place, loaded when it is first named.

A back end is made from the settings, the environment and a source of randomness. It asks its server nothing until it is
used, and the package that speaks to the server is an extra of capctl's, because few need more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from engine.errors import InvalidInput, Unavailable
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.trust.backend import KeyBackend


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of place."""

    module: str
    name: str
    """Of the class."""
    package: str
    """What it needs to be importable."""
    extra: str
    """The extra that brings the package."""
    setting: str
    """The setting that says that there is one here."""


BACKENDS: Final[Mapping[str, Kind]] = {
    "pkcs11": Kind("engine.trust.backends.pkcs11", "Pkcs11Backend", "pkcs11", "pkcs11", "pkcs11_module"),
    "vault": Kind("engine.trust.backends.vault", "VaultBackend", "hvac", "vault", "vault_address"),
    "awskms": Kind("engine.trust.backends.awskms", "AwsKmsBackend", "botocore", "aws", "aws_region"),
}
"""By the scheme of their references."""


REACHED_BY: Final = (
    *("pkcs11_module", "pkcs11_token", "pkcs11_pin_file"),
    *("vault_address", "vault_mount", "vault_token_file"),
    *("aws_region", "aws_endpoint"),
)
"""The settings that say how back ends are reached."""

SECRETS: Final = frozenset({"CAPCTL_PKCS11_PIN", "CAPCTL_VAULT_TOKEN"})
"""The variables that may hold what opens them."""


def configured(settings: Settings) -> list[str]:
    """The schemes of the back ends that the settings name."""
    return [scheme for scheme, kind in BACKENDS.items() if getattr(settings, kind.setting)]


def make_backend(
    scheme: str, settings: Settings, *, environ: Mapping[str, str], random_bytes: Callable[[int], bytes]
) -> KeyBackend:
    """The back end of a scheme.

    Raises:
        InvalidInput: There is none.
        Unavailable: What it needs is not installed.
    """
    kind = BACKENDS.get(scheme)
    if kind is None:
        known = ", ".join(["file", *BACKENDS])
        raise InvalidInput("keys.unknown_backend", f"There is no back end {scheme!r}", f"Known: {known}.")
    if find_spec(kind.package) is None:
        raise Unavailable(
            "keys.backend_not_installed",
            f"The back end {scheme} needs {kind.package}, which is not installed",
            f"Install it: pip install 'capctl[{kind.extra}]'.",
        )
    made: KeyBackend = getattr(import_module(kind.module), kind.name)(
        settings, environ=environ, random_bytes=random_bytes
    )
    return made
