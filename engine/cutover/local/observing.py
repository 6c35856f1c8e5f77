"""How what runs here reads: where a release stands, how each process is, and what keeps it from coming up."""

from __future__ import annotations

from engine.clock import to_rfc3339
from engine.context import Progress
from engine.cutover.local.documents import Backend, Found, Wanted
from engine.cutover.local.releases import ReleaseLedger
from engine.cutover.target import Emit, Health, Phase, Resource


def phase_of(ledger: ReleaseLedger, found: Found, *, busy: bool) -> tuple[Phase, str, str]:
    """Where the release stands, what that means, and what leads on."""
    now = ledger.under_way
    if now is not None and busy:
        return Phase.RUNNING, f"{now.actor} is at it since {to_rfc3339(now.since)}: {now.action}, {now.step}", ""
    if now is not None:
        way_out = "capctl deploy apply --target local, or capctl deploy rollback --target local"
        return Phase.INTERRUPTED, f"{now.action} was interrupted at {now.step}; what served before goes on", way_out
    if ledger.serving is None:
        if ledger.revisions and ledger.revisions[0].entry.status == "failed":
            return Phase.FAILED, "the release did not come up", "capctl deploy apply --target local"
        return Phase.ABSENT, "nothing is deployed here", "capctl deploy apply --target local"
    if not found.is_alive:
        return Phase.FAILED, "it was deployed, and nothing runs any more", "capctl deploy apply --target local"
    newest = ledger.revisions[0].entry
    if newest.status == "failed":
        said = f"revision {newest.number} did not come up; revision {ledger.serving.entry.number} serves"
        return Phase.DEPLOYED, said, ""
    return Phase.DEPLOYED, f"revision {ledger.serving.entry.number} serves at {found.url}", ""


def resources_of(found: Found, wanted: Wanted) -> tuple[Resource, ...]:
    """The proxy and every verifier that is wanted."""
    alive = found.is_alive
    proxy = Resource("Process", "proxy", int(alive), 1, Health.READY if alive else Health.FAILED)
    running = {entry.name: entry for entry in found.backends} if alive else {}
    rows = [proxy] if alive or wanted.backends else []
    for backend in wanted.backends:
        entry = running.get(backend.name)
        if entry is None:
            health = Health.WAITING if alive else Health.FAILED
            rows.append(Resource("Process", backend.name, 0, 1, health, "it does not run"))
        elif entry.ready:
            rows.append(Resource("Process", backend.name, 1, 1, Health.READY))
        else:
            health = Health.FAILED if entry.restarts else Health.WAITING
            rows.append(Resource("Process", backend.name, 0, 1, health, entry.cause))
    return tuple(rows)


def tell_changes(found: Found, told: dict[str, str], emit: Emit) -> None:
    """Tell of each verifier whose state is another than it was told to be."""
    ready = sum(entry.ready for entry in found.backends)
    for entry in found.backends:
        said = "ready" if entry.ready else entry.cause
        if told.get(entry.name) != said:
            told[entry.name] = said
            emit(Progress("verifiers", ready, len(found.backends), f"{entry.name}: {said}"))


def stuck(found: Found, backends: tuple[Backend, ...]) -> str:
    """A verifier that ended more than twice before it was ever ready will not come up by waiting."""
    names = {backend.name for backend in backends}
    stuck = [e for e in found.backends if e.name in names and not e.ready and e.restarts > 2]
    return f"{stuck[0].name}: {stuck[0].cause}" if stuck else ""


def missing(found: Found, backends: tuple[Backend, ...]) -> str:
    """What is still missing, the first of it."""
    running = {entry.name: entry for entry in found.backends}
    names = [backend.name for backend in backends]
    waiting = [f"{name}: {running[name].cause}" for name in names if name in running and not running[name].ready]
    absent = [f"{name}: it does not run" for name in names if name not in running]
    leaving = [f"{name}: {entry.cause}" for name, entry in running.items() if name not in names]
    return (waiting + absent + leaving or ["it took too long"])[0]


def images() -> tuple[str, ...]:
    """What the processes run."""
    import sys

    from engine.__version__ import __version__

    return (f"capctl {__version__} on Python {sys.version_info.major}.{sys.version_info.minor}",)
