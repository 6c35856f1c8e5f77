"""Keys in AWS KMS: Ed25519 behind botocore's Stubber, and what an emulator with a server of its own can show."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.errors import EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.trust.backends.awskms import MAX_MESSAGE_BYTES, SIGNABLE, AwsKmsBackend
from engine.trust.challenge import challenge
from engine.trust.keyfile import KeyPurpose
from engine.trust.signing import STATED, ResultSigner
from tests.contract.signers.published import all_published, taken_apart
from tests.contract.signers.soft_kms import SoftKms
from tests.contract.signers.wire import answering

RESPONSE = KeyPurpose.RESPONSE
UNKNOWN = "awskms:00000000-0000-4000-8000-000000000000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), env="dev", state_dir=tmp_path, aws_region="eu-central-1")


@pytest.fixture
def open_backend(
    settings: Settings, kms: SoftKms, stubbed_kms: tuple[SoftKms, BaseClient]
) -> Callable[..., AwsKmsBackend]:
    """Opens the account again and again, as several processes would."""

    def open_one(env: str = "dev") -> AwsKmsBackend:
        backend = AwsKmsBackend(replace(settings, env=env), environ={})
        backend.client = stubbed_kms[1]
        return backend

    return open_one


@pytest.fixture
def backend(open_backend: Callable[..., AwsKmsBackend]) -> AwsKmsBackend:
    return open_backend()


def code_of(refused: Callable[[], object], kind: type[EngineError]) -> str:
    """The code of the error of just this kind that a call ends with."""
    with pytest.raises(EngineError) as raised:
        refused()
    assert type(raised.value) is kind, raised.value
    assert raised.value.hint
    return raised.value.code


class TestLife:
    def test_another_process_signs_with_the_key_that_one_made(
        self, open_backend: Callable[..., AwsKmsBackend], kms: SoftKms
    ) -> None:
        ref, signer = open_backend().make(RESPONSE)
        challenge(signer, bytes)
        again = open_backend().open(ref)
        assert again.public_key == signer.public_key
        assert again.sign(b"m") == signer.sign(b"m")
        created = next(request for name, request in kms.requests if name == "CreateKey")
        assert (created["KeySpec"], created["KeyUsage"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
        signed = next(request for name, request in kms.requests if name == "Sign")
        assert (signed["MessageType"], signed["SigningAlgorithm"]) == ("RAW", "ED25519_SHA_512")

    def test_a_destroyed_key_is_gone_for_every_use_and_may_be_destroyed_again(
        self, backend: AwsKmsBackend, kms: SoftKms
    ) -> None:
        ref, signer = backend.make(RESPONSE)
        backend.destroy(ref)
        assert kms.keys[ref.removeprefix("awskms:")].metadata["KeyState"] == "PendingDeletion"
        assert code_of(lambda: backend.open(ref), NotFound) == "keys.aws_no_key"
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.aws_unusable"
        assert backend.refs() == []
        backend.destroy(ref)
        kms.keys.clear()
        backend.destroy(ref)

    def test_a_key_is_out_of_use_even_where_its_deletion_is_not_allowed(
        self, backend: AwsKmsBackend, kms: SoftKms
    ) -> None:
        ref, signer = backend.make(RESPONSE)
        kms.failures["ScheduleKeyDeletion"] = "AccessDeniedException"
        assert code_of(lambda: backend.destroy(ref), Refused) == "keys.aws_denied"
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.aws_unusable"
        assert code_of(lambda: backend.open(ref), Refused) == "keys.aws_unusable"
        kms.failures.clear()
        backend.destroy(ref)
        assert backend.refs() == []

    def test_only_keys_of_this_environment_are_listed_and_destroyed(
        self, open_backend: Callable[..., AwsKmsBackend], kms: SoftKms
    ) -> None:
        """A restored copy of an environment must not take the original's keys away."""
        mine = sorted(open_backend().make(purpose)[0] for purpose in (RESPONSE, RESPONSE, KeyPurpose.REGISTRY))
        others = open_backend("dev-copy").make(RESPONSE)[0]
        foreign = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=[])["KeyMetadata"]["KeyId"]
        assert open_backend().refs() == mine
        assert open_backend("dev-copy").refs() == [others]
        for ref in (others, f"awskms:{foreign}"):
            assert code_of(lambda ref=ref: open_backend().destroy(ref), Refused) == "keys.other_environment"
        assert open_backend("dev-copy").open(others).sign(b"m")

    def test_a_key_whose_making_was_cut_off_is_listed(self, backend: AwsKmsBackend, kms: SoftKms) -> None:
        """It has its tags from the first moment, and no alias yet."""
        ref, _ = backend.make(RESPONSE)
        kms.aliases.clear()
        assert backend.refs() == [ref]

    @pytest.mark.parametrize("failing", ["DescribeKey", "GetPublicKey", "CreateAlias"])
    def test_what_cannot_be_finished_leaves_no_key_that_signs(
        self, backend: AwsKmsBackend, kms: SoftKms, failing: str
    ) -> None:
        kms.failures[failing] = "KMSInternalException"
        assert code_of(lambda: backend.make(RESPONSE), Unavailable) == "keys.aws_failed"
        kms.failures.clear()
        left = backend.refs()
        # Where not even its state can be asked for, nothing is disabled unseen: it stays, and is listed.
        assert len(left) == (1 if failing == "DescribeKey" else 0)


class TestLimits:
    @pytest.mark.parametrize("purpose", sorted(set(KeyPurpose) - SIGNABLE))
    def test_no_key_is_made_for_what_may_be_too_long_to_sign(
        self, backend: AwsKmsBackend, kms: SoftKms, purpose: KeyPurpose
    ) -> None:
        assert code_of(lambda: backend.make(purpose), Refused) == "keys.aws_too_long"
        assert kms.requests == []

    def test_the_largest_result_is_signed(self, backend: AwsKmsBackend) -> None:
        """What is signed of a result is its digest and a few names of bounded length, however long the result is."""
        claims = dict.fromkeys(STATED, "x" * 100)
        signed = ResultSigner(backend.make(RESPONSE)[1]).sign({**claims, "rules": ["r" * 64] * 10_000})
        assert len(signed.token) < MAX_MESSAGE_BYTES / 2

    def test_the_longest_message_is_signed_and_one_byte_more_is_not_sent(
        self, backend: AwsKmsBackend, kms: SoftKms
    ) -> None:
        _, signer = backend.make(RESPONSE)
        assert signer.public_key.verifies(signer.sign(bytes(MAX_MESSAGE_BYTES)), bytes(MAX_MESSAGE_BYTES))
        sent = len(kms.requests)
        assert code_of(lambda: signer.sign(bytes(MAX_MESSAGE_BYTES + 1)), Refused) == "keys.aws_too_long"
        assert len(kms.requests) == sent

    @pytest.mark.parametrize(
        "ref", ["awskms:", "awskms:alias/capctl", "awskms:arn:aws:kms:eu-central-1:0:key/x", "vault:x", UNKNOWN.upper()]
    )
    def test_a_ref_of_another_spelling_is_refused(self, backend: AwsKmsBackend, kms: SoftKms, ref: str) -> None:
        for use in (backend.open, backend.destroy):
            assert code_of(lambda use=use: use(ref), InvalidInput) == "keys.malformed_ref"
        assert kms.requests == []


class TestUnsoundKeys:
    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"KeySpec": "ECC_NIST_P521"}, Refused),
            ({"KeyUsage": "KEY_AGREEMENT"}, Refused),
            ({"Origin": "EXTERNAL"}, Refused),
            ({"KeyState": "Disabled"}, Refused),
            ({"KeyState": "PendingImport"}, Refused),
            ({"KeyState": "PendingDeletion"}, NotFound),
        ],
    )
    def test_a_key_that_is_not_as_it_was_made_is_refused(
        self, backend: AwsKmsBackend, kms: SoftKms, change: dict[str, str], kind: type[EngineError]
    ) -> None:
        ref, _ = backend.make(RESPONSE)
        kms.keys[ref.removeprefix("awskms:")].metadata.update(change)
        assert code_of(lambda: backend.open(ref), kind).startswith("keys.aws_")

    @pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256R1()])
    def test_a_public_key_of_another_curve_is_found_whatever_the_answer_calls_it(
        self, backend: AwsKmsBackend, kms: SoftKms, monkeypatch: pytest.MonkeyPatch, curve: ec.EllipticCurve
    ) -> None:
        """An emulator made a P-521 key when it was asked for Ed25519, and said that all was well (floci#2787)."""
        other = ec.generate_private_key(curve).public_key()
        encoded = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        tell = kms.get_public_key
        monkeypatch.setattr(kms, "get_public_key", lambda **request: {**tell(**request), "PublicKey": encoded})
        assert code_of(lambda: backend.make(RESPONSE), Refused) == "keys.aws_unsound"
        assert backend.refs() == []

    def test_a_key_that_only_signs_hashes_is_refused(
        self, backend: AwsKmsBackend, kms: SoftKms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ed25519ph signs something else than Ed25519, under the same key."""
        tell = kms.get_public_key
        algorithms = {"SigningAlgorithms": ["ED25519_PH_SHA_512"]}
        monkeypatch.setattr(kms, "get_public_key", lambda **request: tell(**request) | algorithms)
        assert code_of(lambda: backend.make(RESPONSE), Refused) == "keys.aws_unsound"

    def test_a_signature_of_another_key_is_not_given_away(self, backend: AwsKmsBackend, kms: SoftKms) -> None:
        (ref, signer), (other, _) = backend.make(RESPONSE), backend.make(RESPONSE)
        kms.keys[ref.removeprefix("awskms:")].private = kms.keys[other.removeprefix("awskms:")].private
        assert code_of(lambda: signer.sign(b"m"), Refused) == "keys.other_key"


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "kind", "code"),
        [
            ("ThrottlingException", Unavailable, "keys.aws_throttled"),
            ("KMSInternalException", Unavailable, "keys.aws_failed"),
            ("DependencyTimeoutException", Unavailable, "keys.aws_failed"),
            ("KeyUnavailableException", Unavailable, "keys.aws_failed"),
            ("SomethingNobodyHasHeardOf", Unavailable, "keys.aws_failed"),
            ("AccessDeniedException", Refused, "keys.aws_denied"),
            ("ExpiredTokenException", Refused, "keys.aws_credentials"),
            ("UnrecognizedClientException", Refused, "keys.aws_credentials"),
            ("DisabledException", Refused, "keys.aws_unusable"),
            ("KMSInvalidStateException", Refused, "keys.aws_unusable"),
            ("UnsupportedOperationException", Refused, "keys.aws_unable"),
            ("LimitExceededException", Refused, "keys.aws_quota"),
            ("NotFoundException", NotFound, "keys.aws_no_key"),
        ],
    )
    def test_what_kms_refuses_is_told_as_what_it_is(
        self, backend: AwsKmsBackend, kms: SoftKms, answer: str, kind: type[EngineError], code: str
    ) -> None:
        ref, signer = backend.make(RESPONSE)
        kms.failures = dict.fromkeys(("Sign", "CreateKey", "DescribeKey"), answer)
        for ask in (lambda: signer.sign(b"m"), lambda: backend.make(RESPONSE), lambda: backend.open(ref)):
            assert code_of(ask, kind) == code
        kms.failures.clear()
        assert signer.sign(b"m"), "and it goes on when it is over"

    def test_nobody_listens(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        backend = AwsKmsBackend(replace(settings, aws_endpoint=f"http://127.0.0.1:{port}"), environ={})
        assert code_of(lambda: backend.open(UNKNOWN), Unavailable) == "keys.aws_unreachable"

    @pytest.mark.parametrize("body", [b"<html>", b"", b"{}"])
    def test_what_is_not_kms_is_refused(self, settings: Settings, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        with answering(head + body) as url:
            backend = AwsKmsBackend(replace(settings, aws_endpoint=url), environ={})
            assert code_of(lambda: backend.open(UNKNOWN), Refused) == "keys.aws_not_kms"
            backend.client.close()

    def test_an_answer_that_does_not_come_is_not_waited_for(
        self, backend: AwsKmsBackend, kms: SoftKms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, signer = backend.make(RESPONSE)

        def hang(**request: Any) -> None:
            raise ReadTimeoutError(endpoint_url="https://kms.invalid")

        monkeypatch.setattr(kms, "sign", hang)
        assert code_of(lambda: signer.sign(b"m"), Unavailable) == "keys.aws_silent"

    def test_a_server_that_is_not_encrypted_is_not_trusted(self, settings: Settings) -> None:
        for endpoint in ("http://kms.invalid", "http://10.0.0.1:4566"):
            backend = AwsKmsBackend(replace(settings, aws_endpoint=endpoint), environ={})
            assert code_of(backend.refs, InvalidInput) == "keys.aws_in_clear"

    def test_without_credentials_it_says_where_they_come_from(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        backend = AwsKmsBackend(replace(settings, aws_endpoint="http://127.0.0.1:9"), environ={})
        assert code_of(lambda: backend.make(RESPONSE), Unavailable) == "keys.aws_no_credentials"
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        other = AwsKmsBackend(replace(settings, aws_endpoint="http://127.0.0.1:9"), environ={})
        assert code_of(lambda: other.make(RESPONSE), Unavailable) == "keys.aws_profile"

    @pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
    def test_the_region_must_be_known(self, settings: Settings, variable: str) -> None:
        nowhere = replace(settings, aws_region="")
        assert code_of(lambda: AwsKmsBackend(nowhere, environ={}).client, InvalidInput) == "keys.aws_no_region"
        client = AwsKmsBackend(nowhere, environ={variable: "eu-west-1"}).client
        assert client.meta.region_name == "eu-west-1"


@pytest.mark.slow
def test_all_reference_signatures_come_back_as_they_were_made(
    backend: AwsKmsBackend, kms: SoftKms, record_property: Callable[[str, object], None]
) -> None:
    """On the way there and back, by the service's own model, no message and no signature changes.

    All but that of an empty message, which KMS does not sign.
    """
    lines = [published for published in map(taken_apart, all_published()) if published.message]
    ref, _ = backend.make(RESPONSE)
    [key] = kms.keys.values()
    for published in lines:
        key.private = Ed25519PrivateKey.from_private_bytes(published.seed)
        signer = backend.open(ref)
        assert (signer.public_key.raw, signer.sign(published.message)) == (published.public, published.signature)
    record_property("tried", f"{len(lines):,} signatures")


class TestEmulator:
    """moto knows neither Ed25519 nor any of its names: everything before and after such a key can be tried."""

    @pytest.fixture
    def emulated(self, settings: Settings, kms_emulator: str) -> Iterator[AwsKmsBackend]:
        backend = AwsKmsBackend(replace(settings, aws_endpoint=kms_emulator), environ={})
        yield backend
        backend.client.close()

    def p256(self, backend: AwsKmsBackend, env: str = "dev") -> str:
        """A P-256 key with our tags. Its id."""
        tags = [{"TagKey": "capctl:environment", "TagValue": env}]
        made = backend.client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=tags)
        return str(made["KeyMetadata"]["KeyId"])

    def test_a_service_without_ed25519_says_so_and_keeps_nothing(self, emulated: AwsKmsBackend) -> None:
        before = emulated.client.list_keys()["Keys"]
        assert code_of(lambda: emulated.make(RESPONSE), Refused) == "keys.aws_unable"
        assert emulated.client.list_keys()["Keys"] == before

    def test_a_key_of_another_type_is_refused(self, emulated: AwsKmsBackend) -> None:
        assert code_of(lambda: emulated.open(f"awskms:{self.p256(emulated)}"), Refused) == "keys.aws_unsound"
        assert code_of(lambda: emulated.open(UNKNOWN), NotFound) == "keys.aws_no_key"

    def test_ours_are_listed_by_tag_and_alias_until_they_are_destroyed(self, emulated: AwsKmsBackend) -> None:
        named, nameless, others = self.p256(emulated), self.p256(emulated), self.p256(emulated, "prod")
        emulated.client.create_alias(AliasName=f"alias/capctl-dev-response-{named}", TargetKeyId=named)
        assert {f"awskms:{named}", f"awskms:{nameless}"} <= set(emulated.refs())
        assert f"awskms:{others}" not in emulated.refs()
        for key_id in (named, nameless):
            emulated.destroy(f"awskms:{key_id}")
            emulated.destroy(f"awskms:{key_id}")
            state = emulated.client.describe_key(KeyId=key_id)["KeyMetadata"]
            assert (state["KeyState"], state["Enabled"]) == ("PendingDeletion", False)
        assert not {f"awskms:{named}", f"awskms:{nameless}"} & set(emulated.refs())
        assert code_of(lambda: emulated.destroy(f"awskms:{others}"), Refused) == "keys.other_environment"
