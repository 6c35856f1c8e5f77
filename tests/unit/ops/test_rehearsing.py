"""A dry run of what changes the world outside the registry: the operation is told, and nothing is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.ops.run import run
from engine.ops.spec import Danger, Operation
from engine.settings import Settings


def outward(ctx: EngineContext) -> bool:
    """Change something elsewhere, unless this is a rehearsal."""
    return ctx.rehearsing


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_operation_knows_whether_it_rehearses(tmp_path: Path, dry_run: bool) -> None:
    """Its own dry run must not write to SAP, and leaves no attempt in the audit trail."""
    op = Operation("test.outward", Danger.WRITE, outward, ("test",), "", False, (), rehearses=True)
    with open_context(Settings(state_dir=tmp_path), actor="tester") as ctx:
        assert run(op, ctx, dry_run=dry_run) is dry_run
        outcomes = [record.event.outcome for record in ctx.store.audit_tail()]
    assert outcomes == ([] if dry_run else ["done", "intent"])
