"""A registry with policies, the keys to back it up, and one backup of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.recovery import BackupMade, Trust, create_backup, generate_identity
from engine.settings import Settings
from engine.trust.custody import open_signer
from engine.trust.keyfile import KeyPurpose
from engine.trust.signer import Signer


@dataclass(frozen=True)
class World:
    """What it takes to back up and to restore."""

    ctx: EngineContext
    signer: Signer
    identity_file: Path
    recipient: str

    @property
    def trust(self) -> Trust:
        """The key id of the backup key, as somebody noted it."""
        return Trust(kids=frozenset({self.signer.public_key.kid}))

    def back_up(self, folder: Path) -> BackupMade:
        """A backup in a folder of its own."""
        folder.mkdir(exist_ok=True)
        return create_backup(self.ctx, folder, [self.recipient], self.signer)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("recovery")
    with open_context(replace(Settings(), env="demo", state_dir=home / "state"), actor="oncall") as ctx:
        furnish(ctx)
        recipient = generate_identity(home / "identity")
        yield World(ctx, open_signer(ctx, KeyPurpose.BACKUP), home / "identity", recipient)


@pytest.fixture(scope="session")
def kept(world: World, tmp_path_factory: pytest.TempPathFactory) -> BackupMade:
    """One backup, which no test may change."""
    return world.back_up(tmp_path_factory.mktemp("kept"))
