"""Private keys on disk: kept for their owner alone, never overwritten, never believed when exposed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.trust.keyfile import KeyPurpose, create_private_key, load_private_key, open_private_key

RESPONSE = KeyPurpose.RESPONSE


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key made by the room itself, in the clear."""
    create_private_key(tmp_path, RESPONSE, passphrase=None)
    return tmp_path / "keys" / "response.pem"


def test_a_new_key_is_its_owners_alone(key_file: Path) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in key_file.parent.iterdir()] == ["response.pem"]


def test_a_loose_umask_does_not_loosen_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_private_key(tmp_path, RESPONSE, passphrase=None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "response.pem").stat().st_mode) == 0o600
    load_private_key(tmp_path, RESPONSE, passphrase=None)


def test_the_key_stays_the_same_over_restarts(tmp_path: Path) -> None:
    first = open_private_key(tmp_path, RESPONSE, passphrase=None)
    assert public(open_private_key(tmp_path, RESPONSE, passphrase=None)) == public(first)


def test_each_purpose_has_its_own_key(tmp_path: Path) -> None:
    keys = {public(open_private_key(tmp_path, purpose, passphrase=None)) for purpose in KeyPurpose}
    assert len(keys) == len(KeyPurpose)


def test_the_seed_comes_from_the_injected_source(tmp_path: Path) -> None:
    key = create_private_key(tmp_path, RESPONSE, passphrase=None, random_bytes=lambda n: b"\x07" * n)
    assert key.private_bytes_raw() == b"\x07" * 32


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: public(open_private_key(tmp_path, RESPONSE, passphrase=None)), range(16)))
    assert len(set(keys)) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_key_is_never_overwritten(key_file: Path, tmp_path: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(Conflict):
        create_private_key(tmp_path, RESPONSE, passphrase=None)
    assert key_file.read_bytes() == before
    assert [entry.name for entry in key_file.parent.iterdir()] == ["response.pem"]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no response key"):
        load_private_key(tmp_path, RESPONSE, passphrase=None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610])
def test_a_key_open_to_others_is_refused(key_file: Path, tmp_path: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(Refused) as refused:
        open_private_key(tmp_path, RESPONSE, passphrase=None)
    assert refused.value.code == "trust.key_exposed"


def test_a_folder_open_to_others_is_refused(key_file: Path, tmp_path: Path) -> None:
    key_file.parent.chmod(0o770)
    for attempt in (open_private_key, create_private_key):
        with pytest.raises(Refused) as refused:
            attempt(tmp_path, RESPONSE, passphrase=None)
        assert refused.value.code == "trust.key_exposed"


def test_a_key_of_another_user_is_refused(key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = key_file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(Refused) as refused:
        load_private_key(tmp_path, RESPONSE, passphrase=None)
    assert refused.value.code == "trust.key_foreign"


def _as_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


def _as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


@pytest.mark.parametrize("replace", [_as_link, _as_fifo, _as_folder])
@pytest.mark.timeout(10)
def test_only_a_regular_file_is_a_key(key_file: Path, tmp_path: Path, replace: Callable[[Path], None]) -> None:
    """A link could lead anywhere, and a pipe would hang the start of the service."""
    replace(key_file)
    with pytest.raises(Refused):
        open_private_key(tmp_path, RESPONSE, passphrase=None)


def test_a_linked_folder_is_refused(key_file: Path, tmp_path: Path) -> None:
    _as_link(key_file.parent)
    with pytest.raises(Refused):
        open_private_key(tmp_path, RESPONSE, passphrase=None)


def test_a_passphrase_encrypts(tmp_path: Path) -> None:
    key = open_private_key(tmp_path, RESPONSE, passphrase=b"correct horse")
    pem = (tmp_path / "keys" / "response.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert public(load_private_key(tmp_path, RESPONSE, passphrase=b"correct horse")) == public(key)


@pytest.mark.parametrize(
    ("stored_with", "opened_with", "code"),
    [
        (b"right", b"wrong", "trust.passphrase_wrong"),
        (b"right", None, "trust.passphrase_missing"),
        (None, b"right", "trust.key_not_encrypted"),
    ],
)
def test_the_passphrase_must_fit(
    tmp_path: Path, stored_with: bytes | None, opened_with: bytes | None, code: str
) -> None:
    """A key in the clear does not pass for an encrypted one either."""
    create_private_key(tmp_path, RESPONSE, passphrase=stored_with)
    with pytest.raises(Refused) as refused:
        open_private_key(tmp_path, RESPONSE, passphrase=opened_with)
    assert refused.value.code == code


def _other_kind() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\n", b"x" * 20_000, _other_kind()])
def test_what_is_no_ed25519_key_is_refused(key_file: Path, tmp_path: Path, content: bytes) -> None:
    """A damaged key is reported, and not replaced by a new one behind the operator's back."""
    key_file.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        open_private_key(tmp_path, RESPONSE, passphrase=None)
    assert refused.value.code == "trust.key_malformed"
    assert key_file.read_bytes() == content


def test_a_state_directory_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises((Refused, Unavailable)):
        open_private_key(tmp_path, RESPONSE, passphrase=None)


def test_errors_do_not_say_where_the_machine_keeps_its_state(key_file: Path, tmp_path: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(EngineError) as refused:
        open_private_key(tmp_path, RESPONSE, passphrase=None)
    assert str(tmp_path) not in f"{refused.value.message} {refused.value.hint}"
    assert "keys/response.pem" in refused.value.message
