"""Keys and published vectors for the tests of the trust room."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.trust import KeySigner, ResultSigner, to_jwks

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"


@pytest.fixture
def vector() -> Callable[[str], Path]:
    """The path of a published vector file; the test is skipped where the folder is absent."""

    def path(name: str) -> Path:
        if not (VECTORS / name).exists():
            pytest.skip(f"published vectors are not at hand: ../shared/vectors/{name}")
        return VECTORS / name

    return path


@pytest.fixture(scope="session")
def private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"response key of the tests").digest())


@pytest.fixture(scope="session")
def signer(private_key: Ed25519PrivateKey) -> ResultSigner:
    return ResultSigner(KeySigner(private_key))


@pytest.fixture
def jwks(signer: ResultSigner) -> dict[str, Any]:
    return to_jwks(signer.public_keys())


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
