"""What the doctor looks at. Each check says what it found; none of them stops the others."""

from __future__ import annotations

import locale
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from engine.errors import EngineError
from engine.ops.results.doctor import Check, Diagnosis, Health

if TYPE_CHECKING:
    from engine.context import EngineContext

OLDEST_PYTHON: Final = (3, 11)
SMALLEST_TERMINAL: Final = (80, 24)
LOW_DISK_BYTES: Final = 200 * 1024 * 1024
"""A day of evidence, history and audit takes a few megabytes; backups need room for a second copy."""
LOWEST_DISK_BYTES: Final = 20 * 1024 * 1024
PLAUSIBLE_YEARS: Final = range(2026, 2100)
"""A clock outside of these years was never set."""


def run_checks(ctx: EngineContext, policy_id: Callable[[], str]) -> Diagnosis:
    """Look at everything.

    Args:
        ctx: The environment.
        policy_id: Which policy to look at; asked for only where the registry can be read.
    """
    checks = [_python(), _locale(), _terminal(), _clock(ctx), _disk(ctx)]
    try:
        checks += [_store(ctx), _audit(ctx), *_registered(ctx, policy_id())]
    except EngineError as error:
        checks.append(Check("store", "fail", error.message, error.hint))
    return Diagnosis(ctx.env, tuple(checks))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check("python", "fail", f"Python {version}", "Install Python 3.11 or newer and run 'make' again.")
    return Check("python", "ok", f"Python {version}")


def _locale() -> Check:
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(do_setlocale=False)).lower()
    if encoding.replace("-", "") != "utf8":
        return Check("locale", "warn", f"the terminal's encoding is {encoding}", "Set LANG=C.UTF-8.")
    return Check("locale", "ok", "UTF-8")


def _terminal() -> Check:
    if not sys.stdout.isatty():
        return Check("terminal", "ok", "none: output goes to a file or pipe")
    size = shutil.get_terminal_size()
    colors = (
        "true colour" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else os.environ.get("TERM", "unknown")
    )
    found = f"{size.columns}x{size.lines}, {colors}"
    if size.columns < SMALLEST_TERMINAL[0] or size.lines < SMALLEST_TERMINAL[1]:
        return Check("terminal", "warn", found, "The control room is made for 80x24 or more: enlarge the window.")
    return Check("terminal", "ok", found)


def _clock(ctx: EngineContext) -> Check:
    from engine.clock import to_rfc3339

    now = ctx.clock.now().replace(microsecond=0)
    if now.year not in PLAUSIBLE_YEARS:
        return Check("clock", "fail", f"the machine says it is {to_rfc3339(now)}", "Set the clock, best by NTP.")
    return Check("clock", "ok", to_rfc3339(now))


def _disk(ctx: EngineContext) -> Check:
    folder = ctx.settings.state_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free // (1024 * 1024):,} MB free where the registry lives"
    if free < LOWEST_DISK_BYTES:
        return Check("disk", "fail", found, "Free some space: without it no change can be recorded.")
    if free < LOW_DISK_BYTES:
        return Check("disk", "warn", found, "Free some space before a backup.")
    return Check("disk", "ok", found)


def _store(ctx: EngineContext) -> Check:
    path = ctx.settings.store_path
    problems = ctx.store.check()
    if problems:
        found = "; ".join(problems[:3]) + (f"; {len(problems) - 3} more" if len(problems) > 3 else "")
        return Check("store", "fail", found, "Keep the file as it is and compare it with the latest backup.")
    if not path.exists():
        return Check("store", "warn", "no registry yet", "The first change makes it.")
    if not os.access(path, os.W_OK):
        return Check("store", "fail", "the registry can be read, not written", f"Make {path.name} writable for you.")
    return Check("store", "ok", f"{path.name}, {path.stat().st_size // 1024:,} kB, audit trail unbroken")


def _audit(ctx: EngineContext) -> Check:
    from engine.ops.coverage import coverage_problem

    problem = coverage_problem(ctx)
    if problem:
        return Check("audit", "fail", problem.removeprefix("audit: "), "capctl audit verify; see docs/audit.md")
    covered = ctx.store.audit_state().covered.size
    return Check("audit", "ok", f"{covered:,} of {ctx.store.audit_head().seq:,} records signed, kept in a second place")


def _registered(ctx: EngineContext, policy_id: str) -> Iterator[Check]:
    published = {policy.policy_id for policy in ctx.store.policies()}
    if policy_id in published:
        yield Check("policy", "ok", f"{policy_id} is published, {len(published)} in all")
    else:
        yield Check(
            "policy",
            "warn",
            f"{policy_id} is not published",
            f"capctl policy publish {policy_id}, or a file of your own",
        )
    lists = ctx.store.reference_sets()
    if lists:
        yield Check("lists", "ok", f"{len(lists)} imported")
    else:
        yield Check("lists", "warn", "only the shipped example lists", "capctl lists import FILE")
    yield from _rollout(ctx, policy_id)


def _rollout(ctx: EngineContext, policy_id: str) -> Iterator[Check]:
    from engine.ops.view import snapshot

    now = snapshot(ctx, policy_id)
    if now.rollout is None:
        yield Check("rollout", "ok", "none: nothing is enforced")
        return
    state = now.rollout
    found = f"{state.phase.value.replace('_', ' ')}, revision {state.revision}"
    if state.candidate_ir_hash is not None:
        ctx.store.ir(state.candidate_ir_hash)
    health: Health = "fail" if now.gate and now.gate.rollback_due else "warn" if now.problems else "ok"
    yield Check("rollout", health, "; ".join((found, *now.problems)), "" if health == "ok" else "capctl status")
    silent = [replica for replica in now.replicas if replica.stale]
    if not now.replicas:
        yield Check("verifier", "fail", "no verifier has reported", "Start one: capctl serve, or capctl demo.")
    elif silent:
        names = ", ".join(replica.name for replica in silent)
        yield Check("verifier", "fail", f"silent: {names}", "Look at its log and start it again: capctl serve.")
    else:
        youngest = min(replica.age_s for replica in now.replicas)
        yield Check("verifier", "ok", f"{len(now.replicas)} reporting, last {youngest:.0f} s ago")
