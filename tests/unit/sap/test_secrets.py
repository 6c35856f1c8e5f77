"""Pseudonyms, the tenant's secrets, credentials: what must not be guessed, read by others, or shown."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from engine.errors import InvalidInput, NotFound, Refused
from engine.sap.credentials import Credentials, find_credentials
from engine.sap.faults import read_fault
from engine.sap.private import read_private, write_private
from engine.sap.pseudonym import Pseudonymizer, TenantKeyFile, key_id_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def key_file(folder: Path) -> TenantKeyFile:
    numbers = count(1)
    return TenantKeyFile(folder / "keys.json", lambda size: bytes([next(numbers)]) * size)


def test_a_pseudonym_is_hmac_sha_256_over_a_domain_and_the_number() -> None:
    """Fixed for ever: another spelling would orphan every document (computed with OpenSSL)."""
    made = Pseudonymizer(bytes(range(32))).supplier("0000000007")
    assert made == "hmac-sha256:6056799e:341ca71c3c66439ab64c42448f8f8f8b71d7155800291b1c3761c02e82342bf9"
    assert key_id_of(made) == "6056799e"


def test_another_secret_another_pseudonym() -> None:
    """And leading zeros count, while the two forms of an umlaut do not."""
    one, other = Pseudonymizer(b"1" * 32), Pseudonymizer(b"2" * 32)
    assert one.supplier("7") != other.supplier("7")
    assert one.supplier("7") != one.supplier("07")
    assert one.supplier(unicodedata.normalize("NFD", "MÜLLER")) == one.supplier(unicodedata.normalize("NFC", "MÜLLER"))


def test_a_rotation_keeps_what_was_made_before(tmp_path: Path) -> None:
    """Old results can be written back; new pulls use the new secret."""
    file = key_file(tmp_path)
    first = file.open(NOW)
    rotated = file.rotate(NOW)
    assert file.open(NOW).key_ids == rotated.key_ids == (*first.key_ids, rotated.active.key_id)
    assert rotated.by_id(first.active.key_id).supplier("7") == first.active.supplier("7")
    with pytest.raises(NotFound):
        rotated.by_id("00000000")


def test_a_file_of_secrets_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Made 0600; loosened, it counts as known to others."""
    key_file(tmp_path).open(NOW)
    path = tmp_path / "keys.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(Refused):
        key_file(tmp_path).load()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"secrets": []}', b'{"secrets": [{"secret": "00", "created_at": ""}]}']
)
def test_a_damaged_file_of_secrets_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    """A new secret in its place would orphan everything that was pulled."""
    write_private(tmp_path / "keys.json", content, what="test")
    with pytest.raises(InvalidInput):
        key_file(tmp_path).open(NOW)
    assert (tmp_path / "keys.json").read_bytes() == content


def test_a_link_is_no_private_file(tmp_path: Path) -> None:
    """It may lead to a file that others can replace."""
    write_private(tmp_path / "file", b"x", what="test")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_private(tmp_path / "file", what="test") == b"x"
    with pytest.raises(Exception, match="cannot be read"):
        read_private(tmp_path / "link", what="test")


def test_credentials_come_from_the_environment_or_a_private_file(tmp_path: Path) -> None:
    """The variables first; without any there are none."""
    write_private(tmp_path / "c", b"FILEUSER\nfile-secret\n", what="test")
    file = {"SAP_CREDENTIALS_FILE": str(tmp_path / "c")}
    assert find_credentials({"SAP_USER": "U", "SAP_PASSWORD": "p", **file}) == Credentials("U", "p")
    assert find_credentials(file) == Credentials("FILEUSER", "file-secret")
    assert find_credentials({}) is None


def test_half_of_a_credential_is_refused(tmp_path: Path) -> None:
    """A logon without a password would count as a wrong one."""
    for environ in ({"SAP_USER": "U"}, {"SAP_PASSWORD": "p"}, {"SAP_USER": "a:b", "SAP_PASSWORD": "p"}):
        with pytest.raises(InvalidInput):
            find_credentials(environ)


def test_credentials_do_not_show_themselves() -> None:
    """Neither in a traceback nor in a log."""
    assert "secret" not in repr(Credentials("USER", "secret")) + str(Credentials("USER", "secret"))


def test_a_fault_repeats_codes_and_ids_only() -> None:
    """SAP's sentence may name a person; its T100 code and the transaction id lead an administrator to it."""
    body = (
        b'{"error":{"code":"ZCAP/042","message":{"value":"Locked by HUBER"},"innererror":{"transactionid":"5F3A0C1E"}}}'
    )
    assert str(read_fault(400, body)) == "HTTP 400, code ZCAP/042, transaction 5F3A0C1E"
    xml = b"<error><code>ZCAP/042</code><message>Locked by HUBER</message></error>"
    assert str(read_fault(500, xml)) == "HTTP 500, code ZCAP/042"
    assert str(read_fault(502, b"<html>Supplier Huber</html>")) == "HTTP 502"
    assert str(read_fault(400, b'{"error":{"code":"Supplier Huber is locked"}}')) == "HTTP 400"
