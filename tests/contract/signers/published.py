"""Published Ed25519 signatures, which every place that keys can be brought to must make as they stand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import pytest

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"
REFERENCE = "ed25519-ref/sign.input.gz"
WYCHEPROOF = "wycheproof-ed25519/ed25519_test.json"

RFC_8032 = [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    ":d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    "::e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    ":3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    ":72:92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
    "387b2eaeb4302aeeb00d291612bb0c00",
]
"""Seed, public key, message and signature, as in the reference's own vectors."""


class Published(NamedTuple):
    """What one line holds."""

    seed: bytes
    public: bytes
    message: bytes
    signature: bytes


def taken_apart(line: str) -> Published:
    """The parts of a line; its seed is followed by the public key, and its signature by the message."""
    seed, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
    return Published(seed[:32], public, message, signed[:64])


def all_published() -> list[str]:
    """The lines of the reference implementation's own file."""
    lines = gzip.decompress(_at_hand(REFERENCE).read_bytes()).decode().splitlines()
    assert len(lines) == 1024
    return lines


class Judged(NamedTuple):
    """A signature, and whether it is one."""

    number: int
    public: bytes
    message: bytes
    signature: bytes
    is_valid: bool


def all_judged() -> list[Judged]:
    """Project Wycheproof's: the valid ones, and those that careless libraries take for valid."""
    document = json.loads(_at_hand(WYCHEPROOF).read_bytes())
    cases = [
        Judged(
            case["tcId"],
            bytes.fromhex(group["publicKey"]["pk"]),
            *(bytes.fromhex(case[name]) for name in ("msg", "sig")),
            is_valid=case["result"] == "valid",
        )
        for group in document["testGroups"]
        for case in group["tests"]
    ]
    assert len(cases) == 151
    return cases


def _at_hand(name: str) -> Path:
    if not (VECTORS / name).exists():
        pytest.skip(f"published vectors are not at hand: ../shared/vectors/{name}")
    return VECTORS / name
