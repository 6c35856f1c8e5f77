"""Who logs on to SAP. From the environment or a private file, never from a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.errors import InvalidInput
from engine.sap.private import read_private

USER: Final = "SAP_USER"
PASSWORD: Final = "SAP_PASSWORD"  # noqa: S105 - the name of a variable
FILE: Final = "SAP_CREDENTIALS_FILE"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password. Its text form shows neither."""

    user: str = field(repr=False)
    password: str = field(repr=False)


def find_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The credentials of this process; None where there are none, for a server that wants none.

    `SAP_USER` and `SAP_PASSWORD`, else the file that `SAP_CREDENTIALS_FILE` names: the user on the first line, the
    password on the second, mode 0600.

    Raises:
        InvalidInput: One half is missing, or the file holds something else.
        Refused: The file is open to others.
        Unavailable: The file cannot be read.
    """
    user, password, file = (environ.get(name, "") for name in (USER, PASSWORD, FILE))
    if user and password:
        return _checked(user, password)
    if user or password:
        raise InvalidInput("sap.credentials", "Only one of SAP_USER and SAP_PASSWORD is set", "Set both.")
    if not file:
        return None
    lines = read_private(Path(file), what="credentials file").decode("utf-8", "replace").splitlines()
    if len(lines) != 2:
        hint = "Write the user on its first line and the password on its second."
        raise InvalidInput("sap.credentials", "The credentials file does not hold two lines", hint)
    return _checked(*lines)


def _checked(user: str, password: str) -> Credentials:
    if ":" in user or "\n" in user + password or "\r" in user + password:
        # RFC 7617, section 2: the colon ends the user's name.
        raise InvalidInput("sap.credentials", "The SAP user or password holds a character that cannot be sent", "")
    return Credentials(user, password)
