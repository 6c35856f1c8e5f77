"""A look at a release and its checks that is cheap enough to be taken again and again: it reads, and makes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from engine.cutover.records import Kind, read_records
from engine.errors import EngineError
from engine.ops.deploying import open_target
from engine.ops.evening import canary_of
from engine.ops.results.deploy import TargetName
from engine.ops.results.deploy_look import CanarySeen, DeployLook, LoadSeen, smoke_from_json

if TYPE_CHECKING:
    from pathlib import Path

    from engine.context import EngineContext
    from engine.cutover.target import ReleaseStatus

Seen = TypeVar("Seen")


def look(ctx: EngineContext, target: TargetName, release: str, *, known: ReleaseStatus | None) -> DeployLook:
    """Look at a release, and at the last smoke test, canary watch and load test that were kept.

    Args:
        ctx: In which environment.
        target: Where the release is.
        release: Its name.
        known: Its last known status, which is told where the target does not answer.
    """
    status, obstacle = known, None
    try:
        status = open_target(ctx, target).status(release)
    except EngineError as error:
        obstacle = error
    folder = ctx.settings.state_dir
    return DeployLook(
        at=ctx.clock.now(),
        target=target,
        status=status,
        obstacle=obstacle,
        smoke=_last(folder, "smoke", smoke_from_json),
        canary=_last(folder, "canary", lambda kept: CanarySeen.from_json(kept["verdict"])),
        load=_last(folder, "load", LoadSeen.from_json),
        canary_for=f"{canary_of(ctx, '')}s",
    )


def _last(folder: Path, kind: Kind, read: Callable[[Mapping[str, Any]], Seen]) -> Seen | None:
    """The newest record that can be read; one that another release wrote in another form is left out."""
    for kept in reversed(read_records(folder, kind)):
        try:
            return read(kept)
        except (KeyError, TypeError, ValueError, EngineError):
            continue
    return None
