"""The files through which a local target and its supervisor talk: what is wanted, and what is.

`wanted.json` is written by whoever deploys, `found.json` by the supervisor alone. Each is replaced whole, so that a
reader sees the old one or the new one; whatever is killed leaves both in a known state.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.cutover.local.processes import ProcessRef

if TYPE_CHECKING:
    from engine.settings import Settings

WANTED: Final = "wanted.json"
FOUND: Final = "found.json"
LEDGER: Final = "releases.json"


@dataclass(frozen=True, slots=True)
class Backend:
    """One verifier that is wanted."""

    track: str
    """`stable` or `canary`."""
    revision: int
    weight: int
    """Its share of the requests, in relation to the others'; 0: it runs and gets none."""
    drift_gate: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    """`CAPCTL_*` settings of its own."""

    @property
    def name(self) -> str:
        """`stable-3`: what the proxy calls it, and its replica's name."""
        return f"{self.track}-{self.revision}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should run."""

    generation: int = 0
    """Grows with every change, so that it can be said which of them has been seen to."""
    backends: tuple[Backend, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Wanted:
        """What is wanted; nothing where nothing readable says so."""
        document = read_json(folder / WANTED)
        try:
            return cls(int(document["generation"]), tuple(Backend(**entry) for entry in document["backends"]))
        except (KeyError, TypeError, ValueError):
            return cls()

    def write(self, folder: Path) -> None:
        """Put it in the place of what was wanted before."""
        write_json(folder / WANTED, asdict(self))


@dataclass(frozen=True, slots=True)
class Running:
    """One verifier as the supervisor finds it."""

    name: str
    track: str
    revision: int
    weight: int
    ready: bool
    url: str
    restarts: int
    cause: str
    """Why it is not ready, in words."""
    process: ProcessRef | None


@dataclass(frozen=True, slots=True)
class Found:
    """What runs."""

    supervisor: ProcessRef | None = None
    url: str = ""
    """Of the proxy."""
    generation: int = 0
    """Of what is wanted, when it was last looked at."""
    backends: tuple[Running, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Found:
        """What the supervisor last wrote; nothing where it never did."""
        document = read_json(folder / FOUND)
        try:
            backends = tuple(
                Running(**{**entry, "process": ProcessRef.from_json(entry["process"])})
                for entry in document["backends"]
            )
            supervisor = ProcessRef.from_json(document["supervisor"])
            return cls(supervisor, str(document["url"]), int(document["generation"]), backends)
        except (KeyError, TypeError, ValueError):
            return cls()

    def write(self, folder: Path) -> None:
        """Put it in the place of what was found before."""
        write_json(folder / FOUND, asdict(self))

    @property
    def is_alive(self) -> bool:
        """Whether the supervisor that wrote it still runs."""
        return self.supervisor is not None and self.supervisor.is_alive

    def has_ready(self, backends: tuple[Backend, ...], *, since: int, alone: bool) -> bool:
        """Whether these are ready.

        Args:
            backends: Verifiers.
            since: The generation of what is wanted that must have been seen to.
            alone: Whether nothing else may run.
        """
        ready = {entry.name for entry in self.backends if entry.ready}
        names = {backend.name for backend in backends}
        return self.generation >= since and names <= ready and not (alone and len(self.backends) > len(names))


def local_folder(settings: Settings) -> Path:
    """Where an environment's local target lives."""
    return settings.state_dir / "local"


def local_url(settings: Settings) -> str:
    """Base URL of the proxy of an environment's local target; empty while none runs."""
    found = Found.read(local_folder(settings))
    return found.url if found.is_alive else ""


def read_json(path: Path) -> dict[str, Any]:
    """A document; empty where there is none that can be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace a document whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document), "utf-8")
    draft.replace(path)
