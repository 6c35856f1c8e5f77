"""A whole life with every key in a token, from the command line, as its operator lives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from engine.bootstrap import open_context
from engine.demo.seed import furnish
from engine.settings import Settings
from engine.trust.backends.pkcs11_token import PIN_VARIABLE, Token
from tests.contract.signers.soft_token import MODULE, PIN, SoftTokens

pytestmark = pytest.mark.slow

Capctl = Callable[..., Any]


@pytest.fixture
def settings(soft_tokens: SoftTokens, tmp_path: Path) -> Settings:
    pin = tmp_path / "pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    return replace(
        Settings(),
        env="staging",
        state_dir=tmp_path / "state",
        key_backend="pkcs11",
        pkcs11_module=MODULE,
        pkcs11_token=soft_tokens.new(),
        pkcs11_pin_file=pin,
        key_announce_s=0,
        key_soak_s=0,
    )


@pytest.fixture
def capctl(settings: Settings, tmp_path: Path) -> Capctl:
    """Runs a command; what it answers, or what it says on stderr where it is to end otherwise than well."""
    named = ("env", "state_dir", "key_backend", "pkcs11_module", "pkcs11_token", "pkcs11_pin_file", "key_announce_s")
    configuration = tmp_path / "capctl.toml"
    values = {name: getattr(settings, name) for name in (*named, "key_soak_s")}
    configuration.write_text("".join(f"{name} = {json.dumps(value, default=str)}\n" for name, value in values.items()))
    environ = {name: value for name, value in os.environ.items() if name != PIN_VARIABLE}
    environ["CAPCTL_CONFIG"] = str(configuration)

    def run(*words: str, ends: int = 0) -> Any:
        command = [sys.executable, "-m", "capctl", *words, "--output", "json"]
        done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == ends, done.stderr
        assert PIN not in done.stdout + done.stderr
        return done.stderr if ends else json.loads(done.stdout)

    return run


def private_keys(settings: Settings) -> list[str]:
    """The purposes of the private keys in the token, sorted."""
    token = Token(MODULE, settings.pkcs11_token, lambda: PIN, settings.state_dir / "tries")

    def look(session: pkcs11.Session) -> list[str]:
        return sorted(key[Attribute.LABEL] for key in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))

    return [label.removeprefix("capctl-staging-").rpartition("-")[0] for label in token.ask(look)]


def test_every_key_lives_and_dies_in_the_token(settings: Settings, capctl: Capctl, soft_tokens: SoftTokens) -> None:
    with open_context(settings, actor="oncall") as ctx:
        furnish(ctx)
    made = capctl("keys", "init", "--yes")
    assert private_keys(settings) == ["backup", "registry", "response", "root"]
    assert [path.name for path in (settings.state_dir / "keys").iterdir()] == ["checkpoint.pem"]

    for step in ("prepare", "dual-accept", "switch"):
        with soft_tokens.pulled():
            assert "no token" in capctl("keys", "rotate", step, "--purpose", "registry", "--yes", ends=5)
        capctl("keys", "rotate", step, "--purpose", "registry", "--yes")
    assert private_keys(settings) == ["backup", "registry", "registry", "response", "root"]
    rotated = capctl("keys", "rotate", "decommission", "--purpose", "registry", "--yes")
    assert (rotated["phase"], rotated["entries_left"]) == ("decommissioned", 0)
    assert private_keys(settings) == ["backup", "registry", "response", "root"]

    revoked = next(key["kid"] for key in made["keys"] if key["purpose"] == "response")
    capctl("keys", "revoke", "--kid", revoked, "--reason", "compromised", "--yes")
    assert private_keys(settings) == ["backup", "registry", "response", "root"]
    listed = capctl("keys", "list")
    assert (listed["orphans"], listed["undestroyed"], listed["unasked"]) == ([], [], [])

    capctl("backup", "keygen", "--yes")
    drill = capctl("drill", "restore")
    assert (drill["ok"], drill["readyz"]["status"]) == (True, 200), (
        "the drill's verifier reaches the keys where they are"
    )
