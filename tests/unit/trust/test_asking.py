"""A key that a person signs with: its passphrase is asked for where none is configured, once, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Refused
from engine.settings import Settings
from engine.trust.backend import FileBackend
from engine.trust.keyfile import KeyPurpose

SECRET = "correct horse"
CONFIGURED = {"CAPCTL_KEY_PASSPHRASE": SECRET}


class Somebody:
    """Answers, and remembers what for.

    Args:
        says: The answer; None where nobody is there.
    """

    def __init__(self, says: str | None) -> None:
        self.says = says
        self.asked: list[str] = []

    def __call__(self, whose: str) -> str | None:
        self.asked.append(whose)
        return self.says


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a state directory of its own."""
    return Settings(env="dev", state_dir=tmp_path)


@pytest.fixture
def ref(settings: Settings) -> str:
    """An encrypted key."""
    return FileBackend(settings, environ=CONFIGURED).first(KeyPurpose.ORR)[0]


def test_who_knows_the_passphrase_is_asked_once(settings: Settings, ref: str) -> None:
    """The question names the key; the answer opens it."""
    somebody = Somebody(SECRET)
    backend = FileBackend(settings, environ={}, ask=somebody)
    assert backend.needs_passphrase(ref)
    assert backend.open(ref).public_key == FileBackend(settings, environ=CONFIGURED).open(ref).public_key
    assert somebody.asked == ["the orr key"]


def test_a_wrong_answer_is_refused_and_nobody_is_asked_again(settings: Settings, ref: str) -> None:
    """Another attempt is somebody's decision."""
    somebody = Somebody("wrong horse")
    with pytest.raises(Refused) as caught:
        FileBackend(settings, environ={}, ask=somebody).open(ref)
    assert caught.value.code == "trust.passphrase_wrong"
    assert "horse" not in str(caught.value)
    assert len(somebody.asked) == 1


@pytest.mark.parametrize("says", [None, ""])
def test_without_an_answer_the_key_stays_closed(settings: Settings, ref: str, says: str | None) -> None:
    """As where nobody is there to ask."""
    for backend in (FileBackend(settings, environ={}, ask=Somebody(says)), FileBackend(settings, environ={})):
        with pytest.raises(Refused) as caught:
            backend.open(ref)
        assert caught.value.code == "trust.passphrase_missing"
        assert "CAPCTL_KEY_PASSPHRASE" in caught.value.hint


def test_nobody_is_asked_for_what_is_configured_or_not_needed(settings: Settings, ref: str) -> None:
    """Neither for an encrypted key with its passphrase at hand, nor for one that lies in the clear."""
    somebody = Somebody(SECRET)
    FileBackend(settings, environ=CONFIGURED, ask=somebody).open(ref)
    clear = FileBackend(settings, environ={}, ask=somebody)
    clear.open(clear.first(KeyPurpose.BACKUP)[0])
    assert somebody.asked == []


def test_production_never_opens_a_key_that_lies_in_the_clear(tmp_path: Path) -> None:
    """Whatever is answered: a key that others could read is not the tech lead's alone."""
    ref = FileBackend(Settings(env="dev", state_dir=tmp_path), environ={}).first(KeyPurpose.ORR)[0]
    production = Settings(env="prod", state_dir=tmp_path)
    assert FileBackend(production, environ={}).needs_passphrase(ref)
    with pytest.raises(Refused) as caught:
        FileBackend(production, environ={}, ask=Somebody(SECRET)).open(ref)
    assert caught.value.code == "trust.key_not_encrypted"
    with pytest.raises(Refused) as caught:
        FileBackend(production, environ={}, ask=Somebody(None)).open(ref)
    assert caught.value.code == "trust.passphrase_required"


def test_a_key_that_cannot_be_read_says_why_when_it_is_opened(settings: Settings, ref: str) -> None:
    """Looking whether it needs a passphrase is no place for that error."""
    (settings.state_dir / "keys" / "orr.pem").chmod(0o644)
    backend = FileBackend(settings, environ={}, ask=Somebody(SECRET))
    assert not backend.needs_passphrase(ref)
    with pytest.raises(Refused) as caught:
        backend.open(ref)
    assert caught.value.code == "trust.key_exposed"
