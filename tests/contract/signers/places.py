"""The places where private keys may lie, each made ready for a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.client import BaseClient

from engine.settings import Settings
from engine.trust.backends.aws_kms_calls import kms_client
from engine.trust.backends.pkcs11_token import PIN_VARIABLE
from engine.trust.backends.vault_token import VARIABLE
from engine.trust.keyfile import KeyPurpose
from tests.contract.signers.soft_kms import SoftKms
from tests.contract.signers.soft_token import MODULE, PIN, SoftTokens
from tests.contract.signers.vault_server import VaultServer, documented_policy


@dataclass(frozen=True)
class Place:
    """One kind of place."""

    scheme: str
    settings: Settings
    missing: str
    """A reference of the right spelling, to a key that is not there."""
    purposes: tuple[KeyPurpose, ...]
    """What keys can be made for there."""


Prepare = Callable[[pytest.FixtureRequest, pytest.MonkeyPatch, Settings], Place]


def in_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Place:
    return Place("file", settings, f"file:response-{'A' * 43}.pem", tuple(KeyPurpose))


def in_a_token(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Place:
    tokens: SoftTokens = request.getfixturevalue("soft_tokens")
    label = tokens.new()
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    there = replace(settings, pkcs11_module=MODULE, pkcs11_token=label)
    return Place("pkcs11", there, f"pkcs11:token={label};object=capctl-dev-response-{'0' * 32}", tuple(KeyPurpose))


def in_vault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Place:
    server: VaultServer = request.getfixturevalue("vault_server")
    env = server.new_env()
    monkeypatch.setenv(VARIABLE, server.token(documented_policy(env)))
    there = replace(settings, env=env, vault_address=server.url)
    return Place("vault", there, f"vault:capctl-{env}-response-{'0' * 32}", tuple(KeyPurpose))


def in_aws_kms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Place:
    account: SoftKms = request.getfixturevalue("kms")
    _, client = request.getfixturevalue("stubbed_kms")
    monkeypatch.setattr("engine.trust.backends.awskms.kms_client", lambda *_: client)
    missing = "awskms:00000000-0000-4000-8000-000000000000"
    assert account.keys == {}
    there = replace(settings, aws_region="eu-central-1")
    return Place("awskms", there, missing, (KeyPurpose.RESPONSE, KeyPurpose.REGISTRY))


PLACES: dict[str, Prepare] = {"file": in_files, "pkcs11": in_a_token, "vault": in_vault, "awskms": in_aws_kms}


def without_aws(monkeypatch: pytest.MonkeyPatch, nowhere: Any) -> None:
    """Neither the profile nor the role of this machine is asked for."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)


def stubbed_client(account: SoftKms) -> BaseClient:
    """A client that an account answers; making one takes botocore a third of a second."""
    client = kms_client("eu-central-1", "", {})
    account.attach(client)
    return client
