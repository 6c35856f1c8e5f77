"""Writing the record of a cutover into the state directory, at its end and whenever somebody asks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.cutover.plan import Evening, Phase
from engine.errors import EngineError
from engine.ops.cutover_kept import read_evening, require_stored
from engine.ops.results.cutover import CutoverReport

if TYPE_CHECKING:
    from engine.context import EngineContext

FOLDER: Final = "cutover"


def record_path(ctx: EngineContext, evening: Evening) -> Path:
    """Where the record of a whole evening lies, or will."""
    return ctx.settings.state_dir / FOLDER / f"evening-{evening.id}.html"


def report_evening(ctx: EngineContext) -> CutoverReport:
    """Write the record of the latest cutover as it stands; see `engine.ops.cutover.report`."""
    evening = read_evening(require_stored(ctx))
    path = record_path(ctx, evening)
    if evening.phase is Phase.OPEN:
        # The record of a whole evening keeps its name for the end.
        path = path.with_stem(f"{path.stem}-so-far")
    size = 0 if ctx.rehearsing else _write(ctx, evening, path)
    return CutoverReport(evening.id, path.name, str(path), size)


def write_record(ctx: EngineContext, evening: Evening) -> None:
    """Write the record of an evening that is done, unless it lies there."""
    path = record_path(ctx, evening)
    if not path.exists():
        _write(ctx, evening, path)


def _write(ctx: EngineContext, evening: Evening, path: Path) -> int:
    """Write the record into a file; return its size in bytes."""
    from engine.clock import to_rfc3339
    from engine.ops.files import write_atomically
    from engine.ops.reporting import compose, written
    from engine.ops.trail_documents import make_checkpoint

    with suppress(EngineError):  # without it the record says that it cannot prove itself
        make_checkpoint(ctx, anew=False)
    document = written(compose(ctx, evening.policy_id, to_rfc3339(evening.begun_at)), "html")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(str(path), document)
    return len(document)
