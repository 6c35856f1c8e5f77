"""A verifier on a restored registry: the real one, as a process of its own, for as long as somebody asks it.

It runs in a development environment, on the loopback, with an issuer of its own: what is rehearsed is the registry, and
neither the identity provider nor the network of production takes part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.errors import Unavailable
from engine.recovery.configuration import write_configuration
from engine.recovery.disk import told, write_new
from engine.sap.private import read_private
from engine.settings import DEFAULT_ENVIRONMENT, Settings
from engine.trust.backends import REACHED_BY, SECRETS
from engine.trust.keyfile import KeyPurpose
from engine.verifier.auth import EmbeddedIssuer, Scope
from engine.verifier.supervision import Announced, Child, module_command

if TYPE_CHECKING:
    import httpx

    from engine.clock import Clock

START_S: Final = 30.0
"""Longest wait for the verifier's first sign of life; ten thousand policies take it a few seconds."""
LOOK_S: Final = 0.02
FIRST_TRIES: Final = 1
"""Restarts before the first sign."""
ANSWER_S: Final = 30.0
"""Longest wait for an answer."""
PASSED_ON: Final = frozenset({"CAPCTL_KEY_PASSPHRASE", *SECRETS})
"""The only variables of ours that its verifier sees, which open keys: all others belong to what is rehearsed."""


@contextmanager
def running_verifier(
    settings: Settings,
    state_dir: Path,
    clock: Clock,
    scopes: Iterable[Scope] = (Scope.POLICY_READ,),
    environ: Mapping[str, str] = os.environ,
) -> Iterator[httpx.Client]:
    """Run a verifier on a restored registry.

    Args:
        settings: Of the environment that is rehearsed: say where its keys lie.
        state_dir: What was restored. The folder around it is ours, too.
        clock: Waits and tokens.
        scopes: What the client may do there.
        environ: Of this process.

    Raises:
        Unavailable: It does not start.
    """
    import httpx

    announced = Announced()
    _lay_out(settings, state_dir)

    def command() -> list[str]:
        return module_command(
            "engine.verifier",
            *("--state", str(state_dir), "--env", DEFAULT_ENVIRONMENT, "--port", "0"),
            *("--replica", "drill", "--die-with-parent"),
        )

    child = Child(
        "verifier",
        command,
        log_dir=state_dir.parent,
        clock=clock,
        on_line=announced.note,
        environ={"CAPCTL_RATE_LIMIT_PER_S": "0", "CAPCTL_CONFIG": str(_configuration(state_dir))},
        inherited={name: value for name, value in environ.items() if _is_passed_on(name)},
    )
    child.start()
    try:
        _wait(child, announced, clock)
        own = replace(Settings(), env=DEFAULT_ENVIRONMENT, state_dir=state_dir)
        token = EmbeddedIssuer.open(own, clock=clock).mint(set(scopes), subject="drill")
        with httpx.Client(
            base_url=announced.url, headers={"authorization": f"Bearer {token}"}, timeout=ANSWER_S, trust_env=False
        ) as client:
            yield client
    finally:
        child.stop()


def _lay_out(settings: Settings, state_dir: Path) -> None:
    """Let the verifier find its keys: files are copied from where they live, others are reached where they are."""
    with told("The rehearsal's folder"):
        source, target = settings.state_dir / "keys", state_dir / "keys"
        target.mkdir(mode=0o700)
        for file in sorted(source.glob("*.pem")) if source.is_dir() else ():
            if file.stem != KeyPurpose.TOKENS:  # its issuer is one of its own
                write_new(target / file.name, read_private(file, what=f"key file {file.name}"))
        reached_by = {name: getattr(settings, name) for name in REACHED_BY}
        own = replace(
            Settings(),
            key_passphrase_file=settings.key_passphrase_file,
            root_kids=settings.root_kids,
            **reached_by,
        )
        write_new(_configuration(state_dir), write_configuration(own))


def _configuration(state_dir: Path) -> Path:
    return state_dir.parent / "rehearsal.toml"


def _is_passed_on(name: str) -> bool:
    return not name.startswith("CAPCTL_") or name in PASSED_ON


def _wait(child: Child, announced: Announced, clock: Clock) -> None:
    gives_up = clock.monotonic() + START_S
    while not announced.wait(LOOK_S):
        if child.restarts > FIRST_TRIES or clock.monotonic() > gives_up:
            raise Unavailable(
                "recovery.no_verifier",
                "The verifier did not start on the restored registry",
                "Restore the backup into an empty directory and start it there by hand: capctl serve tells why.",
            )
