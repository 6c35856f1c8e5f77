"""Signed notes: what others signed is accepted, and nothing that anybody altered."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import Checkpoint, read_checkpoint
from engine.errors import InvalidInput, Refused
from engine.trust.jwk import PublicKey
from engine.trust.notes import NoteKey, open_note, read_note_key, sign_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = "capctl.audit/0123456789abcdef"
CHECKPOINT = Checkpoint(NAME, 256, bytes(range(32)))

# The example of the package documentation of golang.org/x/mod/sumdb/note.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PUBLISHED_NOTE = (
    f"{PUBLISHED_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def own(key: Ed25519PrivateKey = KEY, name: str = NAME) -> NoteKey:
    return NoteKey(name, PublicKey(key.public_key().public_bytes_raw()))


NOTE = sign_note(CHECKPOINT.text(), NAME, KEY)


def test_a_published_note_is_accepted() -> None:
    """Made by another implementation, long before this one."""
    key = read_note_key(PUBLISHED_KEY)
    assert open_note(PUBLISHED_NOTE, [key]) == PUBLISHED_TEXT
    assert key.to_text() == PUBLISHED_KEY


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    assert read_checkpoint(open_note(NOTE, [own()])) == CHECKPOINT
    assert sign_note(CHECKPOINT.text(), NAME, KEY) == NOTE


@given(st.data())
def test_an_altered_note_is_refused(data: st.DataObject) -> None:
    """Whichever character of it is another one."""
    at = data.draw(st.integers(0, len(NOTE) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda char: char != NOTE[at]))
    with pytest.raises((InvalidInput, Refused)):
        open_note(NOTE[:at] + other + NOTE[at + 1 :], [own()])


@given(st.integers(0, len(NOTE) - 1))
def test_a_cut_note_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput):
        open_note(NOTE[:length], [own()])


@pytest.mark.parametrize("key", [own(OTHER), own(KEY, "capctl.audit/ffffffffffffffff")])
def test_a_note_of_somebody_else_is_refused(key: NoteKey) -> None:
    """Another key, or the same key under another name: a name is part of what a key id commits to."""
    with pytest.raises(Refused) as refusal:
        open_note(NOTE, [key])
    assert refusal.value.code == "trust.note_unknown_key"


def test_a_forged_signature_under_a_trusted_key_id_is_refused() -> None:
    """The key id is a hint that anybody can write down; here another key signs under it."""
    forged = sign_note(CHECKPOINT._replace(size=255).text(), NAME, OTHER)
    genuine_line = NOTE.splitlines()[-1]
    with pytest.raises(Refused):
        open_note("\n".join([*forged.splitlines()[:-1], genuine_line, ""]), [own()])


def test_a_witness_may_add_a_signature() -> None:
    """Its key need not be known; the log's own signature still counts, and still must fit."""
    witnessed = NOTE + sign_note(CHECKPOINT.text(), "witness.example", OTHER).splitlines()[-1] + "\n"
    assert open_note(witnessed, [own()]) == CHECKPOINT.text()
    assert open_note(witnessed, [own(OTHER, "witness.example")]) == CHECKPOINT.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        PUBLISHED_KEY[:-1],
        PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_KEY.replace("Peter", "Paul"),
        PUBLISHED_KEY.replace("+ARpc", "+AxpC"),
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_note_key(text)


def test_a_weak_verifier_key_is_refused() -> None:
    """A point of small order accepts signatures that nobody made."""
    import base64
    import hashlib

    raw = b"\x01" + bytes([1]) + bytes(31)
    key_id = hashlib.sha256(b"weak\n" + raw).digest()[:4].hex()
    with pytest.raises(Refused):
        read_note_key(f"weak+{key_id}+{base64.b64encode(raw).decode()}")


@pytest.mark.parametrize("text", ["no newline", "two\n\nparts\n", "\nleading\n"])
def test_a_text_that_would_blur_into_its_signatures_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError):
        sign_note(text, NAME, KEY)


@pytest.mark.parametrize(
    "text",
    [
        CHECKPOINT.text().replace("256", "0256"),
        CHECKPOINT.text().replace("256", "-256"),
        CHECKPOINT.text().replace("capctl.audit/", "example.com/"),
        CHECKPOINT.text() + "an extension\n",
        CHECKPOINT.text().replace("=", ""),
        CHECKPOINT.text().replace("8=", "9="),
        CHECKPOINT.text()[:-1],
        "",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Another spelling of the same would let one checkpoint pass for two."""
    assert text != CHECKPOINT.text()
    with pytest.raises(InvalidInput):
        read_checkpoint(text)
