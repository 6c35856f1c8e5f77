"""The token that Vault knows us by: from a file that only its owner can read, or from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from engine.errors import InvalidInput, Unavailable
from engine.settings import Settings
from engine.trust.passphrase import read_secret

VARIABLE: Final = "CAPCTL_VAULT_TOKEN"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


def read_token(settings: Settings, environ: Mapping[str, str]) -> str:
    """The token that is configured.

    Raises:
        InvalidInput: What is configured is no token.
        Refused: The file is open to other users.
        Unavailable: None is configured, or the file cannot be read.
    """
    if settings.vault_token_file is None:
        token = environ.get(VARIABLE, "").strip()
    else:
        token = read_secret(settings.vault_token_file, what="Vault token").decode("utf-8", "replace").strip()
    if not token:
        raise Unavailable("keys.vault_no_token", "There is no token for Vault", f"Set vault_token_file or {VARIABLE}.")
    if _TOKEN.fullmatch(token) is None:
        raise InvalidInput("keys.vault_token", "The token for Vault holds a character that no token has", "Renew it.")
    return token
