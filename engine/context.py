"""What an operation gets to work with: who asks, in which environment, and the ports it may use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from engine.clock import Clock, SystemClock

if TYPE_CHECKING:
    from engine.policies.catalog import Catalog
    from engine.ports import DriftSource, Store
    from engine.rollout.authority import Readiness
    from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long operation is."""

    step: str
    """What it is doing, in one or two words."""
    done: int
    total: int | None = None
    """None when it cannot be known."""
    message: str = ""
    output: str = ""
    """A line that a tool printed: it is shown as it is, and not replaced by what comes next."""
    figures: tuple[tuple[str, float], ...] = ()
    """What was measured by now, by name, for whoever draws it."""


def ignore_progress(progress: Progress) -> None:
    """Progress goes nowhere unless a surface listens."""


def nobody_answers(whose: str) -> str | None:  # noqa: ARG001 - the port's signature
    """There is nobody to ask, unless a surface has somebody."""
    return None


@dataclass
class EngineContext:
    """The world as one operation sees it. Made by `bootstrap.open_context`; closes what it opened when it is left."""

    settings: Settings
    actor: str
    """The name of who asks."""
    open_store: Callable[[], Store]
    """Opens the registry on first use: `--help` and pure operations never touch the disk."""
    open_source: Callable[[str], DriftSource | None] = lambda _: None
    """Opens where evidence is read, by its name in the settings; None where the registry itself is read."""
    open_readiness: Callable[[Store], Readiness | None] = lambda _: None
    """Opens the readiness review as a rollout asks about it; None where there is none, so that nothing is signed."""
    clock: Clock = field(default_factory=SystemClock)
    random_bytes: Callable[[int], bytes] = os.urandom
    """Source of salts; injected so that a test is deterministic."""
    sleep: Callable[[float], None] = time.sleep
    """Waits some seconds. A surface that can stop what it began gives one that raises KeyboardInterrupt then."""
    read_only: bool = False
    rehearsing: bool = False
    """Whether this is the dry run of an operation that does its own: nothing outside may be changed."""
    emit: Callable[[Progress], None] = ignore_progress
    ask_passphrase: Callable[[str], str | None] = nobody_answers
    """Asks whoever is there for the passphrase of a key, once; None where nobody is, or nothing was said."""
    _sources: dict[str, DriftSource | None] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def store(self) -> Store:
        """The registry, opened once."""
        return self.open_store()

    @cached_property
    def catalog(self) -> Catalog:
        """Policies and reference sets by name, stored or shipped."""
        from engine.policies.catalog import Catalog

        return Catalog(self.store, self.store)

    @cached_property
    def readiness(self) -> Readiness | None:
        """The readiness review, as far as a rollout asks about it."""
        return self.open_readiness(self.store)

    def drift_source(self, name: str | None = None) -> DriftSource | None:
        """The source of evidence of that name, or the configured one; opened once, so that it remembers."""
        wanted = name or self.settings.source
        if wanted not in self._sources:
            self._sources[wanted] = self.open_source(wanted)
        return self._sources[wanted]

    @property
    def env(self) -> str:
        """The environment's name."""
        return self.settings.env

    def close(self) -> None:
        """Close the registry, if it was ever opened."""
        if "store" in self.__dict__:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
