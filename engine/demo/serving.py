"""Who answers the demonstration's callers: one verifier, or whatever a room above puts in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from engine.demo.seed import ENV
from engine.errors import Unavailable

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.verifier.supervision import Announced, Child

START_S: Final = 20.0
"""Longest wait for a first sign of life; it takes about one second."""
LOOK_S: Final = 0.05
"""How often it looks for that sign."""
FIRST_TRIES: Final = 2
"""Restarts before the first sign: a port that is taken stays taken."""
REPLICA: Final = "demo-1"
UNLIMITED: Final = {"CAPCTL_RATE_LIMIT_PER_S": "0"}
"""Variables of every verifier here: the generator is one client that asks as often as a thousand."""


class Serving(Protocol):
    """What answers callers for as long as the demonstration lasts."""

    @property
    def pids(self) -> Mapping[str, int | None]:
        """Its processes, by name; None for one that is just being restarted."""
        ...

    def start(self) -> str:
        """Bring it up, and return the base URL where it answers. Blocks until it does.

        Raises:
            Unavailable: It does not come up, or was stopped meanwhile.
        """
        ...

    def stop(self) -> None:
        """End all of it, also while another thread brings it up. Blocks until it is gone."""
        ...


Serve: TypeAlias = "Callable[[EngineContext], Serving]"
"""Chooses who serves a demonstration, from its environment."""


class OneVerifier:
    """A single verifier without anything before it: the quickest to come up, and the least between it and its callers.

    Args:
        ctx: Of the demonstration.
        port: Of the verifier; 0 takes a free one.
    """

    def __init__(self, ctx: EngineContext, *, port: int = 0) -> None:
        from engine.verifier.supervision import Announced, Child

        self._announced, self._port = Announced(), port
        self._state = str(ctx.settings.state_dir)
        self._clock = ctx.clock
        self._child = Child(
            "verifier",
            self._command,
            log_dir=ctx.settings.state_dir / "logs",
            clock=ctx.clock,
            on_line=self._announced.note,
            environ=UNLIMITED,
        )

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The verifier's process."""
        return {self._child.label: self._child.pid}

    def start(self) -> str:
        """Start the verifier, and wait until it answers."""
        self._child.start()
        return announced_url(self._announced, self._child)

    def stop(self) -> None:
        """End the verifier."""
        self._child.stop()

    def _command(self) -> list[str]:
        from engine.verifier.supervision import module_command

        # A restarted one takes its port back: whoever looks at the URL need not notice.
        port = str(self._announced.port or self._port)
        where = ("--state", self._state, "--env", ENV, "--port", port)
        return module_command("engine.verifier", *where, "--replica", REPLICA, "--die-with-parent")


def announced_url(announced: Announced, child: Child) -> str:
    """The URL that a child announces, as soon as it does.

    Raises:
        Unavailable: It ends again and again, takes too long, or is stopped before it has.
    """
    for _ in range(round(START_S / LOOK_S)):
        if announced.wait(LOOK_S):
            return announced.url
        if child.restarts >= FIRST_TRIES or not child.is_alive():
            break
    raise Unavailable(
        "demo.no_verifier",
        "The embedded verifier did not start",
        "See the logs in the demonstration's state directory; --port 0 takes a free port.",
    )
