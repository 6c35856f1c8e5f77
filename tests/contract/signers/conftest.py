"""Where private keys lie, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.client import BaseClient

from engine.settings import Settings
from tests.contract.signers.kms_server import running_kms
from tests.contract.signers.places import PLACES, Place, stubbed_client, without_aws
from tests.contract.signers.soft_kms import SoftKms
from tests.contract.signers.soft_token import SoftTokens, running_softhsm
from tests.contract.signers.vault_server import VaultServer, running_vault


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_aws(monkeypatch, tmp_path / "none")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Each place in turn, without keys. Rotations wait for nothing there."""
    settings = replace(Settings(), env="dev", state_dir=tmp_path / "state", key_announce_s=0, key_soak_s=0)
    return PLACES[request.param](request, monkeypatch, settings)


@pytest.fixture(scope="session")
def soft_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftTokens]:
    """SoftHSM with a folder of its own, in this process for all tests: a module is configured once."""
    with running_softhsm(tmp_path_factory.mktemp("softhsm")) as tokens:
        yield tokens


@pytest.fixture(scope="session")
def vault_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """One OpenBao for all; whoever stops it starts it again."""
    with running_vault(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture(scope="session")
def kms_emulator() -> Iterator[str]:
    """One emulated account for all. Its URL."""
    with running_kms() as url:
        yield url


@pytest.fixture(scope="session")
def stubbed_kms() -> tuple[SoftKms, BaseClient]:
    """An account, and a client that it answers."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_aws(monkeypatch, "/nowhere")
        account = SoftKms()
        return account, stubbed_client(account)


@pytest.fixture
def kms(stubbed_kms: tuple[SoftKms, BaseClient]) -> SoftKms:
    """An account without keys."""
    stubbed_kms[0].reset()
    return stubbed_kms[0]
