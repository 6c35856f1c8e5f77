"""Where private keys lie, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.signers.kms_server import running_kms
from tests.contract.signers.vault_server import VaultServer, running_vault


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
