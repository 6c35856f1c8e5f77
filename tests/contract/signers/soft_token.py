"""SoftHSM tokens: real PKCS#11, in a folder of the test's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "planted-pin-7d"
SO_PIN = "so-pin-7d"


@dataclass
class SoftTokens:
    """Where tokens are made and lie."""

    folder: Path
    """Each token is a folder in it."""
    _numbers: Iterator[int] = field(default_factory=count)

    def new(self, label: str = "") -> str:
        """Make a token; its label."""
        label = label or f"token-{next(self._numbers)}"
        words = ["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN]
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60)
        return label

    def set_pin(self, label: str, pin: str) -> None:
        """Give a token another PIN, as whoever holds its SO PIN does."""
        import pkcs11

        module = pkcs11.lib(str(MODULE))
        module.reinitialize()
        with module.get_token(token_label=label).open(rw=True, so_pin=SO_PIN) as session:
            session.init_pin(pin)

    def remove(self, label: str) -> None:
        """Do away with the tokens of a label."""
        words = ["softhsm2-util", "--delete-token", "--token", label]
        while subprocess.run(words, check=False, capture_output=True, timeout=60).returncode == 0:
            pass

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """No token is there meanwhile."""
        with self.broken():
            self.folder.mkdir()
            yield

    @contextmanager
    def broken(self) -> Iterator[None]:
        """The module does not come up meanwhile, as one whose appliance cannot be reached."""
        away = self.folder.with_name("away")
        self.folder.rename(away)
        try:
            yield
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            away.rename(self.folder)


@contextmanager
def running_softhsm(folder: Path) -> Iterator[SoftTokens]:
    """SoftHSM on a folder; it reads where from the environment, once in a process."""
    if not MODULE.is_file() or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed (apt install softhsm2)")
    tokens = folder / "tokens"
    tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOFTHSM2_CONF", str(configuration))
        yield SoftTokens(tokens)
