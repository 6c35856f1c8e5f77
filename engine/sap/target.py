"""Which services of which system are meant: what `--odata`, `--client` and `--table` say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from engine.errors import InvalidInput
from engine.ids import hash_json

GATEWAY_PATH: Final = "/sap/opu/odata/sap"
"""Where Gateway serves its services; other servers name their own path."""
SERVICE_PATTERN: Final = re.compile(r".*_SRV(?:_\d+)?(?:;.*)?", re.IGNORECASE)
"""What a Gateway service is called, with its version parameter (`;v=2`)."""
CLIENT_PATTERN: Final = re.compile(r"\d{3}|")
RUN_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""What fits into RunId, CHAR32, on every server and in every URL."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

READ_SERVICE: Final = "Z_CAP_SUPPLIERS_SRV"
READ_SET: Final = "SupplierSet"
WRITE_SERVICE: Final = "Z_CAP_STATUS_SRV"
STATUS_TABLE: Final = "Z_CAP_SUPPLIER_STATUS"


@dataclass(frozen=True, slots=True)
class SapTarget:
    """A system, a client, and the two services."""

    base: str
    """URL below which the services lie, without a slash at the end."""
    client: str = ""
    """Three digits; empty where the server knows no clients."""
    read_service: str = READ_SERVICE
    read_set: str = READ_SET
    write_service: str = WRITE_SERVICE
    table: str = STATUS_TABLE
    language: str = "EN"
    system: str = ""
    """What tells this system from others, where its URL does not stay the same."""

    @property
    def read_root(self) -> str:
        """URL of the service that suppliers are read from."""
        return f"{self.base}/{self.read_service}"

    @property
    def write_root(self) -> str:
        """URL of the service that verdicts are written to."""
        return f"{self.base}/{self.write_service}"

    @property
    def fingerprint(self) -> str:
        """A hash that tells targets apart without naming a host."""
        return hash_json([self.system or self.base, self.client, self.write_service, self.table])


def parse_target(odata: str, client: str, *, table: str = STATUS_TABLE) -> SapTarget:
    """Read what a user gave.

    Args:
        odata: The host, a folder of services, the root of one of the two services, or one of its collections.
        client: The SAP client.
        table: The table or entity set that verdicts are written to.

    Raises:
        InvalidInput: It is no URL of a server, carries credentials, is not encrypted, or the client is none.
    """
    parts = urlsplit(odata)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidInput("sap.url", "--odata is no URL of a server", "Write it as https://host:port, or set SAP_URL.")
    if "@" in parts.netloc:
        hint = "Set SAP_USER and SAP_PASSWORD, or SAP_CREDENTIALS_FILE."
        raise InvalidInput("sap.url_credentials", "--odata carries a password, which others can read there", hint)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InvalidInput("sap.not_encrypted", "--odata is not encrypted (http)", "Use https.")
    if not CLIENT_PATTERN.fullmatch(client):
        raise InvalidInput("sap.client", f"{client[:10]!r} is no SAP client", "A client has three digits: 100.")
    origin = f"{parts.scheme}://{parts.netloc}"
    segments = [segment for segment in parts.path.split("/") if segment]
    if not segments:
        return SapTarget(origin + GATEWAY_PATH, client, table=table)
    named = next((i for i, segment in enumerate(segments) if SERVICE_PATTERN.fullmatch(segment)), None)
    if named is None:
        return SapTarget("/".join([origin, *segments]), client, table=table)
    return _at_service(origin, segments, named, client, table)


def check_run_id(run_id: str) -> str:
    """A run id.

    Raises:
        InvalidInput: It is none.
    """
    if not RUN_ID_PATTERN.fullmatch(run_id):
        hint = "Use up to 32 letters, digits, _ and -: RUN_123."
        raise InvalidInput("sap.run_id", f"{run_id[:40]!r} cannot be a run id", hint)
    return run_id


def _at_service(origin: str, segments: list[str], named: int, client: str, table: str) -> SapTarget:
    """The target when the URL names one of the services: the other one is beside it."""
    service, rest = segments[named], segments[named + 1 :]
    if len(rest) > 1:
        hint = "Name the service's root, or one of its collections."
        raise InvalidInput("sap.url", "--odata leads below a collection", hint)
    base = "/".join([origin, *segments[:named]])
    if service.partition(";")[0] == WRITE_SERVICE:
        return SapTarget(base, client, write_service=service, table=rest[0] if rest else table)
    collection = rest[0] if rest else READ_SET
    return SapTarget(base, client, read_service=service, read_set=collection, table=table)
