"""Configuration of issuers: weak choices are refused at the start."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.verifier.auth import IssuerConfig


def configure(**changes: Any) -> IssuerConfig:
    good: dict[str, Any] = {
        "issuer": "https://idp.example",
        "audiences": frozenset({"capctl"}),
        "jwks_url": "https://idp.example/jwks",
    }
    return IssuerConfig(**{**good, **changes})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", ""),
        ("issuer", "https://*.example"),
        ("audiences", frozenset()),
        ("audiences", frozenset({""})),
        ("audiences", frozenset({"*"})),
        ("algorithms", frozenset()),
        ("algorithms", frozenset({"RS256", "HS256"})),
        ("algorithms", frozenset({"none"})),
        ("leeway_s", -1),
        ("leeway_s", 61),
        ("jwks", {"keys": []}),
        ("jwks_url", ""),
        ("jwks_url", "http://idp.example/jwks"),
        ("jwks_url", "https://user:pw@idp.example/jwks"),
        ("jwks_url", "file:///etc/passwd"),
        ("jwks_url", "https://"),
        ("jwks_url", "https://[broken"),
        ("jwks_url", "http://localhost.attacker.example/jwks"),
    ],
)
def test_a_weak_choice_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Issuer setting"):
        configure(**{field: value})


@pytest.mark.parametrize("url", ["https://idp.example/jwks", "http://127.0.0.1:8080/jwks", "http://[::1]/jwks"])
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    assert configure(jwks_url=url).jwks_url == url
