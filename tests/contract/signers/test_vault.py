"""Keys in a real OpenBao: what only a server that fails, forgets and is tampered with can show."""

from __future__ import annotations

import logging
import signal
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backends import vault_transit
from engine.trust.backends.vault import VaultBackend
from engine.trust.backends.vault_token import VARIABLE
from engine.trust.challenge import challenge
from engine.trust.keyfile import KeyPurpose
from tests.contract.signers.published import RFC_8032, all_judged, all_published, taken_apart
from tests.contract.signers.vault_server import VaultServer, documented_policy, free_ports
from tests.contract.signers.wire import answering, relay

RESPONSE = KeyPurpose.RESPONSE
NAME = "capctl-dev-response-" + "0123456789abcdef" * 2


@pytest.fixture
def settings(vault_server: VaultServer, tmp_path: Path) -> Settings:
    return replace(Settings(), env="dev", state_dir=tmp_path, vault_address=vault_server.url)


@pytest.fixture
def administered(vault_server: VaultServer, settings: Settings) -> VaultBackend:
    """A back end that may do what the documented policy allows, and no more."""
    return VaultBackend(settings, environ={VARIABLE: vault_server.token(documented_policy("dev"))})


def code_of(refused: Callable[[], object], kind: type[EngineError]) -> str:
    """The code of the error of just this kind that a call ends with."""
    with pytest.raises(EngineError) as raised:
        refused()
    assert type(raised.value) is kind, raised.value
    assert raised.value.hint
    return raised.value.code


class TestAuthority:
    def test_the_documented_policy_is_enough_for_a_whole_life(self, administered: VaultBackend) -> None:
        ref, signer = administered.make(RESPONSE)
        challenge(signer, bytes)
        assert ref in administered.refs()
        administered.destroy(ref)
        assert ref not in administered.refs()

    def test_a_verifier_signs_and_can_neither_make_nor_destroy(
        self, vault_server: VaultServer, settings: Settings, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        policy = documented_policy("dev", only=lambda line: "sign/" in line)
        policy += 'path "transit/keys/capctl-dev-*" { capabilities = ["read"] }'
        verifier = VaultBackend(settings, environ={VARIABLE: vault_server.token(policy)})
        assert verifier.open(ref).sign(b"m") == signer.sign(b"m")
        for denied in (lambda: verifier.make(RESPONSE), lambda: verifier.destroy(ref), verifier.refs):
            assert code_of(denied, Refused) == "keys.vault_denied"
        assert administered.open(ref).sign(b"m")

    def test_another_environment_keeps_its_keys(
        self, vault_server: VaultServer, settings: Settings, administered: VaultBackend
    ) -> None:
        """A restored copy of an environment must not take the original's keys away."""
        ref, _ = administered.make(RESPONSE)
        for env in ("dev-copy", "de"):
            other = VaultBackend(replace(settings, env=env), environ={VARIABLE: vault_server.root_token})
            assert other.refs() == []
            assert code_of(lambda other=other: other.destroy(ref), Refused) == "keys.other_environment"
        assert administered.open(ref).sign(b"m")

    def test_a_renewed_token_is_taken_up_without_a_restart(
        self, vault_server: VaultServer, settings: Settings, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text(f"{vault_server.token(documented_policy('dev'))}\n")
        file.chmod(0o600)
        backend = VaultBackend(replace(settings, vault_token_file=file), environ={})
        _, signer = backend.make(RESPONSE)
        vault_server.ask("POST", "auth/token/revoke", {"token": file.read_text().strip()})
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.vault_denied"
        file.write_text(vault_server.token(documented_policy("dev")))
        assert signer.sign(b"m")

    @pytest.mark.parametrize(
        ("environ", "kind", "code"),
        [
            ({}, Unavailable, "keys.vault_no_token"),
            ({VARIABLE: "  "}, Unavailable, "keys.vault_no_token"),
            ({VARIABLE: "s.two words"}, InvalidInput, "keys.vault_token"),
            ({VARIABLE: "s.umläut"}, InvalidInput, "keys.vault_token"),
            ({VARIABLE: "s.unknown"}, Refused, "keys.vault_denied"),
        ],
    )
    def test_without_a_token_that_counts_nothing_goes(
        self, settings: Settings, environ: dict[str, str], kind: type[EngineError], code: str
    ) -> None:
        assert code_of(VaultBackend(settings, environ=environ).refs, kind) == code

    def test_a_token_that_others_can_read_is_not_used(self, settings: Settings, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("s.token")
        file.chmod(0o640)
        backend = VaultBackend(replace(settings, vault_token_file=file), environ={})
        with pytest.raises(Refused, match="open to other"):
            backend.refs()


class TestOtherPeoplesHands:
    """What somebody else may do to a key in Vault, and what is made of it."""

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"type": "ecdsa-p256"}, "no plain Ed25519 key"),
            ({"type": "rsa-2048"}, "no plain Ed25519 key"),
            ({"type": "ed25519", "derived": True}, "no plain Ed25519 key"),
            ({"type": "ed25519", "exportable": True}, "may be exported"),
            ({"type": "ed25519", "allow_plaintext_backup": True}, "may be exported"),
        ],
    )
    def test_a_key_of_another_make_is_refused(
        self, vault_server: VaultServer, administered: VaultBackend, options: dict[str, object], problem: str
    ) -> None:
        vault_server.ask("POST", f"transit/keys/{NAME}", options)
        try:
            with pytest.raises(Refused, match=problem):
                administered.open(f"vault:{NAME}")
        finally:
            administered.destroy(f"vault:{NAME}")

    def test_a_key_that_was_rotated_in_vault_is_refused_and_never_signs_with_another_version(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        name = ref.removeprefix("vault:")
        before = signer.sign(b"m")
        vault_server.ask("POST", f"transit/keys/{name}/rotate")
        assert signer.sign(b"m") == before, "who has it open goes on with the version it knows"
        with pytest.raises(Refused, match="rotated in Vault"):
            administered.open(ref)
        vault_server.ask("POST", f"transit/keys/{name}/config", {"min_encryption_version": 2})
        with pytest.raises(Refused, match="rotated in Vault"):
            signer.sign(b"m")

    def test_a_key_that_may_be_exported_since_is_refused(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, _ = administered.make(RESPONSE)
        vault_server.ask("POST", f"transit/keys/{ref.removeprefix('vault:')}/config", {"exportable": True})
        with pytest.raises(Refused, match="may be exported"):
            administered.open(ref)

    def test_another_key_under_the_same_name_never_signs_for_the_first(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        administered.destroy(ref)
        vault_server.ask("POST", f"transit/keys/{ref.removeprefix('vault:')}", {"type": "ed25519"})
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.other_key"
        assert administered.open(ref).public_key.raw != signer.public_key.raw

    def test_a_key_set_aside_is_not_there(self, vault_server: VaultServer, administered: VaultBackend) -> None:
        """OpenBao can mark a key as deleted and take that back; until then it is deleted."""
        ref, signer = administered.make(RESPONSE)
        name = ref.removeprefix("vault:")
        vault_server.ask("DELETE", f"transit/keys/{name}/soft-delete")
        assert code_of(lambda: signer.sign(b"m"), NotFound) == "keys.vault_no_key"
        assert code_of(lambda: administered.open(ref), NotFound) == "keys.vault_no_key"
        administered.destroy(ref)
        vault_server.ask("POST", f"transit/keys/{name}/soft-delete-restore")
        assert code_of(lambda: administered.open(ref), NotFound) == "keys.vault_no_key"

    def test_no_request_of_an_administrator_revives_a_destroyed_key(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        administered.destroy(ref)
        name = ref.removeprefix("vault:")
        for path, body in (
            ("soft-delete-restore", {}),
            ("config", {"min_decryption_version": 1, "deletion_allowed": False}),
            ("rotate", {}),
            ("trim", {"min_available_version": 1}),
        ):
            vault_server.ask("POST", f"transit/keys/{name}/{path}", body, check=False)
            assert code_of(lambda: signer.sign(b"m"), NotFound) == "keys.vault_no_key"

    def test_a_name_that_is_taken_is_not_shared(self, vault_server: VaultServer, settings: Settings) -> None:
        """Vault answers the making of a key that is there as if it had made it."""
        backend = VaultBackend(settings, environ={VARIABLE: vault_server.root_token}, random_bytes=bytes)
        ref, _ = backend.make(RESPONSE)
        try:
            assert code_of(lambda: backend.make(RESPONSE), Conflict) == "keys.vault_name_taken"
        finally:
            backend.destroy(ref)


class TestServer:
    def test_sealed_it_says_so_and_unsealed_the_same_signer_goes_on(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        before = signer.sign(b"m")
        vault_server.kill()
        vault_server.start(sealed=True)
        try:
            for ask in (lambda: signer.sign(b"m"), lambda: administered.open(ref), lambda: administered.destroy(ref)):
                assert code_of(ask, Unavailable) == "keys.vault_sealed"
        finally:
            vault_server.unseal()
        assert signer.sign(b"m") == before

    def test_killed_it_is_unavailable_and_back_again_the_same_signer_goes_on(
        self, vault_server: VaultServer, administered: VaultBackend
    ) -> None:
        ref, signer = administered.make(RESPONSE)
        before = signer.sign(b"m")
        vault_server.kill()
        try:
            for ask in (lambda: signer.sign(b"m"), lambda: administered.make(RESPONSE), administered.refs):
                assert code_of(ask, Unavailable) == "keys.vault_unreachable"
        finally:
            vault_server.start()
        assert signer.sign(b"m") == before
        assert administered.refs().count(ref) == 1

    def test_killed_in_the_middle_of_a_signature(self, vault_server: VaultServer, settings: Settings) -> None:
        """The request has arrived, and no answer ever comes."""
        token = {VARIABLE: vault_server.root_token}
        ref, signer = VaultBackend(settings, environ=token).make(RESPONSE)

        with relay(vault_server.port, vault_server.dies_at_signature(1)) as url:
            relayed = VaultBackend(replace(settings, vault_address=url), environ=token).open(ref)
            try:
                assert code_of(lambda: relayed.sign(b"m"), Unavailable) == "keys.vault_unreachable"
            finally:
                vault_server.start()
            assert relayed.sign(b"m") == signer.sign(b"m")

    def test_one_that_hangs_is_not_waited_for(
        self, vault_server: VaultServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vault_transit, "TIMEOUTS_S", (0.3, 0.3))
        _, signer = VaultBackend(settings, environ={VARIABLE: vault_server.root_token}).make(RESPONSE)
        assert vault_server.process is not None
        vault_server.process.send_signal(signal.SIGSTOP)
        try:
            assert code_of(lambda: signer.sign(b"m"), Unavailable) == "keys.vault_silent"
        finally:
            vault_server.process.send_signal(signal.SIGCONT)
        assert signer.sign(b"m")

    def test_its_certificate_must_be_known(self, vault_server: VaultServer, settings: Settings, tmp_path: Path) -> None:
        there = replace(settings, vault_address=f"https://127.0.0.1:{vault_server.tls_port}")
        token = {VARIABLE: vault_server.root_token}
        assert code_of(VaultBackend(there, environ=token).refs, Unavailable) == "keys.vault_untrusted"
        missing = {**token, "VAULT_CACERT": str(tmp_path / "none.pem")}
        assert code_of(VaultBackend(there, environ=missing).refs, Unavailable) == "keys.vault_untrusted"
        known = {**token, "VAULT_CACERT": str(vault_server.ca_file)}
        assert VaultBackend(there, environ=known).make(RESPONSE)[1].sign(b"m")
        plain = replace(settings, vault_address=f"https://127.0.0.1:{vault_server.port}")
        assert code_of(VaultBackend(plain, environ=token).refs, Unavailable) == "keys.vault_untrusted"

    @pytest.mark.parametrize(
        ("mount", "kind", "code"),
        [
            ("nowhere", NotFound, "keys.vault_no_mount"),
            ("kv", Refused, "keys.vault_not_transit"),
            ("kv2", NotFound, "keys.vault_no_key"),
        ],
    )
    def test_a_mount_that_is_no_transit_engine_makes_no_key(
        self, vault_server: VaultServer, settings: Settings, mount: str, kind: type[EngineError], code: str
    ) -> None:
        """An engine of secrets takes whatever is written to it, and gives it back."""
        vault_server.ask("POST", "sys/mounts/kv", {"type": "kv"}, check=False)
        vault_server.ask("POST", "sys/mounts/kv2", {"type": "kv", "options": {"version": "2"}}, check=False)
        backend = VaultBackend(replace(settings, vault_mount=mount), environ={VARIABLE: vault_server.root_token})
        assert code_of(lambda: backend.make(RESPONSE), kind) == code
        if mount != "nowhere":
            assert backend.refs() == []


class TestSecrets:
    @pytest.mark.parametrize("address", ["http://vault.invalid:8200", "http://10.0.0.1:8200", ""])
    def test_the_token_leaves_this_machine_only_encrypted(self, settings: Settings, address: str) -> None:
        backend = VaultBackend(replace(settings, vault_address=address), environ={VARIABLE: "s.token"})
        assert code_of(backend.refs, InvalidInput) in ("keys.vault_in_clear", "keys.vault_not_configured")

    def test_the_token_follows_no_redirect_and_no_proxy(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (elsewhere,) = free_ports(1)
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{elsewhere}")
        redirect = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n"
        with answering(f"{redirect}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()) as url:
            backend = VaultBackend(replace(settings, vault_address=url), environ={VARIABLE: "s.token"})
            assert code_of(backend.refs, Unavailable) == "keys.vault_redirects"

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data":null}', b'{"data":{"keys":7}}'])
    def test_what_is_not_vault_is_refused(self, settings: Settings, body: bytes) -> None:
        with answering(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        ) as url:
            backend = VaultBackend(replace(settings, vault_address=url), environ={VARIABLE: "s.token"})
            assert code_of(backend.refs, Refused) == "keys.vault_not_transit"

    def test_no_error_and_no_log_line_shows_the_token(
        self, vault_server: VaultServer, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        planted = "s.planted-token-that-nobody-may-see"
        (closed,) = free_ports(1)
        here = f"127.0.0.1:{vault_server.port}"
        for address in (f"http://{here}", f"https://{here}", f"http://127.0.0.1:{closed}", "http://vault.invalid"):
            backend = VaultBackend(replace(settings, vault_address=address), environ={VARIABLE: planted})
            for ask in (backend.refs, lambda backend=backend: backend.make(RESPONSE)):
                with pytest.raises(EngineError) as raised:
                    ask()
                error = raised.value
                shown = [error.message, error.hint, *traceback.format_exception(error)]
                assert not any(planted in text for text in shown)
        assert planted not in caplog.text


class TestVectors:
    def signs_as_published(self, vault_server: VaultServer, backend: VaultBackend, lines: list[str]) -> None:
        for number, (seed, public, message, signed) in enumerate(map(taken_apart, lines)):
            name = f"capctl-dev-backup-{len(lines):016x}{number:016x}"
            vault_server.import_key(name, Ed25519PrivateKey.from_private_bytes(seed))
            signer = backend.open(f"vault:{name}")
            assert (signer.public_key.raw, signer.sign(message)) == (public, signed)

    def test_the_first_vectors_of_rfc_8032(self, vault_server: VaultServer, administered: VaultBackend) -> None:
        """Section 7.1, tests 1 and 2: an empty message, and one byte."""
        self.signs_as_published(vault_server, administered, RFC_8032)

    @pytest.mark.slow
    def test_all_reference_signatures(
        self, vault_server: VaultServer, administered: VaultBackend, record_property: Callable[[str, object], None]
    ) -> None:
        lines = all_published()
        self.signs_as_published(vault_server, administered, lines)
        record_property("tried", f"{len(lines):,} signatures")

    def test_vault_accepts_what_wycheproof_calls_valid_and_nothing_else(
        self, vault_server: VaultServer, record_property: Callable[[str, object], None]
    ) -> None:
        """It and whoever checks its signatures mean the same by one."""
        cases = all_judged()
        names = {raw: f"wycheproof-{number}" for number, raw in enumerate({case.public for case in cases})}
        for raw, name in names.items():
            vault_server.import_public_key(name, Ed25519PublicKey.from_public_bytes(raw))
        accepted = {c.number for c in cases if vault_server.accepts(names[c.public], c.message, c.signature)}
        assert accepted == {case.number for case in cases if case.is_valid}
        record_property("tried", f"{len(cases)} signatures")
