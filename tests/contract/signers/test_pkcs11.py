"""Keys in real SoftHSM tokens: what only a token that is pulled, locked, shared and tampered with can show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backends import pkcs11 as backend_module
from engine.trust.backends.pkcs11 import Pkcs11Backend
from engine.trust.backends.pkcs11_token import PIN_VARIABLE, Token
from engine.trust.backends.pkcs11_tries import FILE_NAME
from engine.trust.keyfile import KeyPurpose
from tests.contract.signers.published import RFC_8032, Published, all_judged, all_published, taken_apart
from tests.contract.signers.soft_token import MODULE, PIN, SoftTokens

RESPONSE = KeyPurpose.RESPONSE
LABEL = "capctl-dev-response-" + "0123456789abcdef" * 2
HANGS_S = 20
"""A child that has not ended by then never will."""


@pytest.fixture
def settings(soft_tokens: SoftTokens, tmp_path: Path) -> Settings:
    return replace(Settings(), env="dev", state_dir=tmp_path, pkcs11_module=MODULE, pkcs11_token=soft_tokens.new())


@pytest.fixture
def backend(settings: Settings) -> Pkcs11Backend:
    return Pkcs11Backend(settings, environ={PIN_VARIABLE: PIN})


@pytest.fixture
def inside(settings: Settings) -> Callable[[Callable[[pkcs11.Session], object]], None]:
    """Does something in the token's session that is none of capctl's business."""
    token = Token(MODULE, settings.pkcs11_token, lambda: PIN, settings.state_dir / "tries")

    def do(act: Callable[[pkcs11.Session], object]) -> None:
        token.ask(act)

    return do


Inside = Callable[[Callable[[pkcs11.Session], object]], None]


def code_of(refused: Callable[[], object], kind: type[EngineError]) -> str:
    """The code of the error of just this kind that a call ends with."""
    with pytest.raises(EngineError) as raised:
        refused()
    assert type(raised.value) is kind, raised.value
    assert raised.value.hint
    assert PIN not in "".join(traceback.format_exception(raised.value))
    return raised.value.code


def label_of(ref: str) -> str:
    return ref.partition("object=")[2]


def ed25519(session: pkcs11.Session, label: str, **private: Any) -> None:
    """Make a key as somebody else would."""
    curve = session.create_domain_parameters(
        KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: bytes.fromhex("06032b6570")}, local=True
    )
    curve.generate_keypair(
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        store=True,
        label=label,
        private_template={getattr(Attribute, name): value for name, value in private.items()},
    )


def one(session: pkcs11.Session, label: str, kind: ObjectClass) -> Any:
    (found,) = session.get_objects({Attribute.LABEL: label, Attribute.CLASS: kind})
    return found


@dataclass
class Watched:
    """A token that counts who logs in, and says how many tries are left."""

    token: pkcs11.Token
    more_flags: int
    logins: list[str]

    @property
    def flags(self) -> int:
        return int(self.token.flags) | self.more_flags

    def open(self, **options: Any) -> pkcs11.Session:
        self.logins.append(options.get("user_pin", ""))
        return self.token.open(**options)


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The PINs that are tried from now on."""
    tried: list[str] = []
    watch(monkeypatch, tried, flags=0)
    return tried


def watch(monkeypatch: pytest.MonkeyPatch, tried: list[str], *, flags: int) -> None:
    find = Token._find
    monkeypatch.setattr(Token, "_find", lambda *given: Watched(find(*given), flags, tried))


class TestPin:
    def test_a_wrong_one_is_tried_once_however_often_it_is_asked(self, settings: Settings, logins: list[str]) -> None:
        wrong = {PIN_VARIABLE: "1111"}
        for _ in range(3):
            assert code_of(Pkcs11Backend(settings, environ=wrong).refs, Refused) == "keys.pkcs11_pin"
        assert code_of(lambda: Pkcs11Backend(settings, environ=wrong).make(RESPONSE), Refused) == "keys.pkcs11_pin"
        assert logins == ["1111"]

    def test_a_corrected_one_is_taken_up_without_a_restart(self, settings: Settings, tmp_path: Path) -> None:
        file = tmp_path / "pin"
        file.write_text("1111\n")
        file.chmod(0o600)
        backend = Pkcs11Backend(replace(settings, pkcs11_pin_file=file), environ={PIN_VARIABLE: PIN})
        assert code_of(backend.refs, Refused) == "keys.pkcs11_pin", "the file counts where there is one"
        file.write_text(f"{PIN}\nwhat it is for\n")
        assert backend.make(RESPONSE)[1].sign(b"m")

    def test_a_wrong_one_is_not_tried_again_by_another_process(self, settings: Settings, logins: list[str]) -> None:
        """A supervisor starts its workers again, and an operator takes a step again."""
        refused = "try: backend.refs()\nexcept EngineError as error: print(error.code)"
        assert other_process(settings, refused, pin="1111") == "keys.pkcs11_pin\n"
        assert code_of(Pkcs11Backend(settings, environ={PIN_VARIABLE: "1111"}).refs, Refused) == "keys.pkcs11_pin"
        assert logins == []
        assert "1111" not in (settings.state_dir / FILE_NAME).read_text("latin-1")
        assert Pkcs11Backend(settings, environ={PIN_VARIABLE: PIN}).refs() == []
        assert logins == [PIN]

    def test_one_that_the_token_was_given_since_is_tried(self, settings: Settings, soft_tokens: SoftTokens) -> None:
        refused = "try: backend.refs()\nexcept EngineError as error: print(error.code)"
        assert other_process(settings, refused, pin="2222") == "keys.pkcs11_pin\n"
        soft_tokens.set_pin(settings.pkcs11_token, "2222")
        assert other_process(settings, "print(backend.refs())", pin="2222") == "[]\n"

    def test_the_last_try_is_left_to_people(
        self, settings: Settings, backend: Pkcs11Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SoftHSM never locks, so it is told for it."""
        tried: list[str] = []
        with monkeypatch.context() as nearly:
            watch(nearly, tried, flags=pkcs11.TokenFlag.USER_PIN_COUNT_LOW | pkcs11.TokenFlag.USER_PIN_FINAL_TRY)
            assert code_of(backend.refs, Refused) == "keys.pkcs11_last_try"
        assert tried == []
        assert backend.refs() == []

    def test_a_wrong_one_is_not_tried_again_by_the_children_of_a_process(
        self, settings: Settings, logins: list[str]
    ) -> None:
        backend = Pkcs11Backend(settings, environ={PIN_VARIABLE: "1111"})
        code_of(backend.refs, Refused)

        def asks() -> bool:
            return code_of(backend.refs, Refused) == "keys.pkcs11_pin" and logins == ["1111"]

        assert in_a_child(asks)

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_a_file_that_others_can_read_is_not_used(
        self, settings: Settings, tmp_path: Path, logins: list[str], mode: int
    ) -> None:
        file = tmp_path / "pin"
        file.write_text(PIN)
        file.chmod(mode)
        backend = Pkcs11Backend(replace(settings, pkcs11_pin_file=file), environ={PIN_VARIABLE: PIN})
        assert code_of(backend.refs, Refused) == "trust.passphrase_exposed"
        assert logins == []

    @pytest.mark.parametrize(
        ("content", "kind", "code"),
        [
            (b"", Unavailable, "keys.pkcs11_no_pin"),
            (b"\n" + PIN.encode(), Unavailable, "keys.pkcs11_no_pin"),
            (b"\xff\xfe\x00", InvalidInput, "keys.pkcs11_pin_text"),
            (None, Unavailable, "trust.passphrase_not_read"),
        ],
    )
    def test_a_file_without_one(
        self, settings: Settings, tmp_path: Path, content: bytes | None, kind: type[EngineError], code: str
    ) -> None:
        file = tmp_path / "pin"
        if content is not None:
            file.write_bytes(content)
            file.chmod(0o600)
        assert code_of(Pkcs11Backend(replace(settings, pkcs11_pin_file=file), environ={}).refs, kind) == code

    def test_none_at_all(self, settings: Settings) -> None:
        assert code_of(Pkcs11Backend(settings, environ={}).refs, Unavailable) == "keys.pkcs11_no_pin"


class TestToken:
    @pytest.mark.parametrize(("fault", "code"), [("pulled", "keys.pkcs11_no_token"), ("broken", "keys.pkcs11_failed")])
    def test_gone_it_is_unavailable_and_back_again_the_same_signer_goes_on(
        self, soft_tokens: SoftTokens, backend: Pkcs11Backend, fault: str, code: str
    ) -> None:
        ref, signer = backend.make(RESPONSE)
        before = signer.sign(b"m")
        with getattr(soft_tokens, fault)():
            for ask in (
                lambda: signer.sign(b"m"),
                lambda: backend.open(ref),
                lambda: backend.make(RESPONSE),
                lambda: backend.destroy(ref),
                backend.refs,
            ):
                assert code_of(ask, Unavailable) == code
        assert signer.sign(b"m") == before
        assert backend.refs() == [ref], "nothing was made and nothing destroyed meanwhile"

    def test_pulled_in_the_middle_of_a_signature_it_signs_when_it_is_back(
        self, backend: Pkcs11Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A session that breaks off is opened once more, and what was asked is asked again: once."""
        _, signer = backend.make(RESPONSE)
        sign = backend_module._sign
        breaks: list[Exception] = [pkcs11.DeviceRemoved()]

        def break_off(*given: Any) -> bytes | None:
            if breaks:
                raise breaks.pop()
            return sign(*given)

        monkeypatch.setattr(backend_module, "_sign", break_off)
        assert len(signer.sign(b"m")) == 64
        breaks += [pkcs11.SessionHandleInvalid(), pkcs11.DeviceRemoved()]
        assert code_of(lambda: signer.sign(b"m"), Unavailable) == "keys.pkcs11_failed"
        assert len(signer.sign(b"m")) == 64

    def test_a_key_is_not_made_twice_where_the_answer_was_lost(
        self, backend: Pkcs11Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generate = backend_module._generate

        def lose_the_answer(*given: Any) -> None:
            generate(*given)
            raise pkcs11.DeviceError

        backend.refs()
        monkeypatch.setattr(backend_module, "_generate", lose_the_answer)
        assert code_of(lambda: backend.make(RESPONSE), Unavailable) == "keys.pkcs11_failed"
        assert backend.refs() == [], "the one that was made is gone again"

    def test_two_of_one_label_are_not_guessed_between(self, soft_tokens: SoftTokens, settings: Settings) -> None:
        twice = soft_tokens.new()
        backend = Pkcs11Backend(replace(settings, pkcs11_token=twice), environ={PIN_VARIABLE: PIN})
        soft_tokens.new(twice)
        try:
            assert code_of(backend.refs, Refused) == "keys.pkcs11_two_tokens"
        finally:
            soft_tokens.remove(twice)

    def test_a_key_in_another_token_is_not_looked_for_in_this_one(
        self, soft_tokens: SoftTokens, settings: Settings, backend: Pkcs11Backend, logins: list[str]
    ) -> None:
        ref, _ = backend.make(RESPONSE)
        other = Pkcs11Backend(replace(settings, pkcs11_token=soft_tokens.new()), environ={PIN_VARIABLE: PIN})
        logins.clear()
        for ask in (other.open, other.destroy):
            assert code_of(lambda ask=ask: ask(ref), Refused) == "keys.pkcs11_other_token"
        assert logins == [], "its PIN may be another, and a wrong one counts"

    @pytest.mark.parametrize("token", ["two words", "a;b=c?d", "100%"])
    def test_any_label_can_be_named(self, soft_tokens: SoftTokens, settings: Settings, token: str) -> None:
        there = replace(settings, pkcs11_token=soft_tokens.new(token))
        backend = Pkcs11Backend(there, environ={PIN_VARIABLE: PIN})
        ref, signer = backend.make(RESPONSE)
        assert backend.open(ref).public_key == signer.public_key
        assert ref.count(";") == 1

    @pytest.mark.parametrize("module", ["/nowhere/libnone.so", "{plain}", "/lib/x86_64-linux-gnu/libc.so.6"])
    def test_a_module_that_is_none(self, settings: Settings, tmp_path: Path, module: str) -> None:
        plain = tmp_path / "plain.so"
        plain.write_text("no library")
        there = replace(settings, pkcs11_module=Path(module.format(plain=plain)))
        backend = Pkcs11Backend(there, environ={PIN_VARIABLE: PIN})
        assert code_of(backend.refs, Unavailable) == "keys.pkcs11_no_module"

    def test_none_is_configured(self, settings: Settings) -> None:
        for lacking in (replace(settings, pkcs11_token=""), replace(settings, pkcs11_module=None)):
            backend = Pkcs11Backend(lacking, environ={PIN_VARIABLE: PIN})
            assert code_of(backend.refs, InvalidInput) == "keys.pkcs11_not_configured"


class TestOtherPeoplesHands:
    """What somebody else may do to a key in the token, and what is made of it."""

    def test_a_key_that_may_sign_no_longer_signs_nothing_and_can_still_be_destroyed(
        self, backend: Pkcs11Backend, inside: Inside
    ) -> None:
        """So ends a destruction that died half way."""
        ref, signer = backend.make(RESPONSE)

        def forbid(session: pkcs11.Session) -> None:
            one(session, label_of(ref), ObjectClass.PRIVATE_KEY)[Attribute.SIGN] = False

        inside(forbid)
        for ask in (lambda: signer.sign(b"m"), lambda: backend.open(ref)):
            assert code_of(ask, Refused) == "keys.pkcs11_unsound"
        assert ref in backend.refs()
        backend.destroy(ref)
        assert backend.refs() == []
        assert code_of(lambda: signer.sign(b"m"), NotFound) == "keys.pkcs11_no_key"

    @pytest.mark.parametrize("kind", [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY])
    def test_a_key_with_one_half_left(self, backend: Pkcs11Backend, inside: Inside, kind: ObjectClass) -> None:
        ref, _ = backend.make(RESPONSE)
        inside(lambda session: one(session, label_of(ref), kind).destroy())
        with pytest.raises(EngineError):
            backend.open(ref)
        backend.destroy(ref)
        inside(lambda session: none(session, label_of(ref)))

    @pytest.mark.parametrize(
        "private", [{"EXTRACTABLE": True}, {"SENSITIVE": False, "EXTRACTABLE": True}, {"SIGN": False}]
    )
    def test_a_key_that_capctl_would_not_have_made_is_refused(
        self, settings: Settings, backend: Pkcs11Backend, inside: Inside, private: dict[str, bool]
    ) -> None:
        inside(lambda session: ed25519(session, LABEL, **private))
        ref = f"pkcs11:token={settings.pkcs11_token};object={LABEL}"
        assert code_of(lambda: backend.open(ref), Refused) == "keys.pkcs11_unsound"

    def test_a_key_of_another_kind_is_refused(self, settings: Settings, backend: Pkcs11Backend, inside: Inside) -> None:
        def make_p256(session: pkcs11.Session) -> None:
            named = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            session.create_domain_parameters(KeyType.EC, named, local=True).generate_keypair(store=True, label=LABEL)

        inside(make_p256)
        ref = f"pkcs11:token={settings.pkcs11_token};object={LABEL}"
        assert code_of(lambda: backend.open(ref), Refused) == "keys.pkcs11_unsound"

    def test_two_keys_of_one_label_are_not_guessed_between(self, backend: Pkcs11Backend, inside: Inside) -> None:
        ref, signer = backend.make(RESPONSE)
        inside(lambda session: ed25519(session, label_of(ref)))
        for ask in (lambda: signer.sign(b"m"), lambda: backend.open(ref)):
            assert code_of(ask, Refused) == "keys.pkcs11_unsound"

    def test_another_key_under_the_same_label_never_signs_for_the_first(
        self, backend: Pkcs11Backend, inside: Inside
    ) -> None:
        ref, signer = backend.make(RESPONSE)

        def exchange(session: pkcs11.Session) -> None:
            for half in list(session.get_objects({Attribute.LABEL: label_of(ref)})):
                half.destroy()
            ed25519(session, label_of(ref), SENSITIVE=True, EXTRACTABLE=False)

        inside(exchange)
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.other_key"
        assert backend.open(ref).public_key != signer.public_key

    def test_another_environment_keeps_its_keys(self, settings: Settings, backend: Pkcs11Backend) -> None:
        """A restored copy of an environment must not take the original's keys away."""
        ref, signer = backend.make(RESPONSE)
        for env in ("dev-copy", "de"):
            other = Pkcs11Backend(replace(settings, env=env), environ={PIN_VARIABLE: PIN})
            assert other.refs() == []
            assert code_of(lambda other=other: other.destroy(ref), Refused) == "keys.other_environment"
        assert signer.sign(b"m")

    def test_a_label_that_is_taken_is_not_shared(self, settings: Settings) -> None:
        same = Pkcs11Backend(settings, environ={PIN_VARIABLE: PIN}, random_bytes=bytes)
        _, signer = same.make(RESPONSE)
        assert code_of(lambda: same.make(RESPONSE), Conflict) == "keys.pkcs11_label_taken"
        assert signer.sign(b"m"), "the first one is still there"

    def test_the_private_half_never_comes_out(self, backend: Pkcs11Backend, inside: Inside) -> None:
        ref, _ = backend.make(RESPONSE)

        def look(session: pkcs11.Session) -> None:
            private = one(session, label_of(ref), ObjectClass.PRIVATE_KEY)
            with pytest.raises(pkcs11.PKCS11Error):
                private[Attribute.VALUE]
            for attribute, value in ((Attribute.EXTRACTABLE, True), (Attribute.SENSITIVE, False)):
                with pytest.raises(pkcs11.PKCS11Error):
                    private[attribute] = value

        inside(look)


def none(session: pkcs11.Session, label: str) -> None:
    assert list(session.get_objects({Attribute.LABEL: label})) == []


class TestProcesses:
    def test_a_child_signs_in_a_session_of_its_own_and_the_parent_goes_on(self, backend: Pkcs11Backend) -> None:
        ref, signer = backend.make(RESPONSE)
        expected = signer.sign(b"m")
        assert in_a_child(lambda: signer.sign(b"m") == expected and backend.open(ref).sign(b"m") == expected)
        assert signer.sign(b"m") == expected

    def test_children_of_a_process_that_is_signing_do_not_hang(self, backend: Pkcs11Backend) -> None:
        """A copy of a process has none of its threads, and would wait for ever for what they were at."""
        _, signer = backend.make(RESPONSE)
        with signing_all_the_time(signer.sign, threads=3):
            assert all(in_a_child(lambda: len(signer.sign(b"m")) == 64) for _ in range(8))

    def test_what_another_process_destroyed_signs_nothing(self, settings: Settings, backend: Pkcs11Backend) -> None:
        ref, signer = backend.make(RESPONSE)
        kept, keeper = backend.make(RESPONSE)
        assert signer.sign(b"m")
        other_process(settings, f"backend.destroy({ref!r})")
        assert code_of(lambda: signer.sign(b"m"), NotFound) == "keys.pkcs11_no_key"
        assert (backend.refs(), len(keeper.sign(b"m"))) == ([kept], 64)

    def test_two_processes_make_use_and_destroy_keys_at_once(self, settings: Settings, backend: Pkcs11Backend) -> None:
        ref, signer = backend.make(RESPONSE)
        with signing_all_the_time(signer.sign, threads=1):
            made = other_process(settings, "\n".join(["ref, signer = backend.make(KeyPurpose.ORR)"] * 3), "print(ref)")
            assert len(backend.refs()) == 4
            other_process(settings, "[backend.destroy(ref) for ref in backend.refs() if '-orr-' in ref]")
        assert made.startswith("pkcs11:")
        assert backend.refs() == [ref]


def in_a_child(holds: Callable[[], bool]) -> bool:
    """Whether it holds in a fork of this process, which ends within reason."""
    if (pid := os.fork()) == 0:
        try:
            os._exit(0 if holds() else 1)
        except BaseException:  # whatever it is, the child must not go on as another pytest
            traceback.print_exc()
        os._exit(2)
    killer = threading.Timer(HANGS_S, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        killer.cancel()


@contextmanager
def signing_all_the_time(sign: Callable[[bytes], bytes], *, threads: int) -> Iterator[None]:
    """Threads that sign meanwhile, without one failure."""
    stop, failures = threading.Event(), []

    def go_on() -> None:
        while not stop.is_set():
            try:
                sign(b"m")
            except EngineError as error:
                failures.append(error)

    running = [threading.Thread(target=go_on) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()
    assert failures == []


def other_process(settings: Settings, *statements: str, pin: str = PIN) -> str:
    """What another process prints that does something with a back end of its own."""
    script = "\n".join(
        [
            "from dataclasses import replace; from pathlib import Path",
            "from engine.errors import EngineError",
            "from engine.settings import Settings",
            "from engine.trust.backends.pkcs11 import Pkcs11Backend",
            "from engine.trust.keyfile import KeyPurpose",
            f"there = replace(Settings(), env='dev', state_dir=Path({str(settings.state_dir)!r}),",
            f"    pkcs11_module=Path({str(MODULE)!r}), pkcs11_token={settings.pkcs11_token!r})",
            "backend = Pkcs11Backend(there)",
            *statements,
        ]
    )
    environ = {**os.environ, PIN_VARIABLE: pin}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestVectors:
    def signs_as_published(self, settings: Settings, backend: Pkcs11Backend, inside: Inside, lines: list[str]) -> None:
        ref = f"pkcs11:token={settings.pkcs11_token};object={LABEL}"
        for published in map(taken_apart, lines):
            inside(lambda session, published=published: bring(session, published))
            signer = backend.open(ref)
            assert (signer.public_key.raw, signer.sign(published.message)) == (published.public, published.signature)
            backend.destroy(ref)

    def test_the_first_vectors_of_rfc_8032(self, settings: Settings, backend: Pkcs11Backend, inside: Inside) -> None:
        """Section 7.1, tests 1 and 2: an empty message, and one byte."""
        self.signs_as_published(settings, backend, inside, RFC_8032)

    @pytest.mark.slow
    def test_all_reference_signatures(
        self,
        settings: Settings,
        backend: Pkcs11Backend,
        inside: Inside,
        record_property: Callable[[str, object], None],
    ) -> None:
        lines = all_published()
        self.signs_as_published(settings, backend, inside, lines)
        record_property("tried", f"{len(lines):,} signatures")

    def test_the_token_accepts_what_wycheproof_calls_valid_and_nothing_else(
        self, inside: Inside, record_property: Callable[[str, object], None]
    ) -> None:
        """It and whoever checks its signatures mean the same by one."""
        cases, wrong = all_judged(), list[int]()

        def judge(session: pkcs11.Session) -> None:
            for case in cases:
                key = session.create_object(public_half(case.public, token=False))
                if key.verify(case.message, case.signature, mechanism=Mechanism.EDDSA) is not case.is_valid:
                    wrong.append(case.number)

        inside(judge)
        assert wrong == []
        record_property("tried", f"{len(cases)} signatures")


def bring(session: pkcs11.Session, published: Published) -> None:
    """Put a published key into the token."""
    session.create_object(
        {
            **both_halves(token=True),
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.VALUE: published.seed,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.SIGN: True,
        }
    )
    session.create_object(public_half(published.public, token=True))


def public_half(raw: bytes, *, token: bool) -> dict[Attribute, Any]:
    """The public half of a published key; not kept in the token, it ends with the session."""
    return {
        **both_halves(token=token),
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.EC_POINT: b"\x04\x20" + raw,
        Attribute.VERIFY: True,
    }


def both_halves(*, token: bool) -> dict[Attribute, Any]:
    return {
        Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
        Attribute.EC_PARAMS: bytes.fromhex("06032b6570"),
        Attribute.LABEL: LABEL,
        Attribute.TOKEN: token,
    }
