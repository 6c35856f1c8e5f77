"""`KubernetesTarget`: deploys a chart to a cluster with the operator's own helm and kubectl.

helm's history is the truth about a release, the cluster about its resources. What this machine remembers is only who
was changing it and what they meant, so that a killed process leaves a state that `status` explains and `apply` goes on
from: before helm began nothing has changed; while it ran the release is pending, and is first led back to the last
revision that served; after it ended its readiness is awaited.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from engine.clock import Clock, to_rfc3339
from engine.cutover.change import Change
from engine.cutover.chart import chart_name, release_digest
from engine.cutover.complaints import problem
from engine.cutover.diagnosis import ROLLBACK, diagnose
from engine.cutover.helm import Helm
from engine.cutover.kubectl import Kubectl
from engine.cutover.ledger import Entry, Ledger
from engine.cutover.manifests import differences, images, read_manifest
from engine.cutover.preflight import preflight
from engine.cutover.programs import Program
from engine.cutover.target import (
    DEFAULT_TIMEOUT_S,
    Command,
    Deployed,
    Emit,
    Health,
    OnFailure,
    Phase,
    Release,
    ReleaseDiff,
    ReleaseStatus,
    Resource,
    Revision,
    way_back,
)
from engine.cutover.workloads import canary_percent, causes, images_of, resources_of
from engine.errors import Conflict, NotFound, Refused

if TYPE_CHECKING:
    from engine.settings import Settings

FOLDER: Final = "deploy"


class KubernetesTarget:
    """A namespace of a cluster.

    Args:
        settings: Of the environment.
        clock: Wall and monotonic time.
        actor: Who deploys.
        environ: In which helm and kubectl run.
        sleep: Waits between two looks.
    """

    name = "kubernetes"

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        actor: str,
        environ: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        namespace, context = settings.kube_namespace, settings.kube_context
        self._settings, self._clock, self._actor, self._sleep = settings, clock, actor, sleep
        self._helm = Helm(Program("helm", settings.helm, environ), namespace=namespace, context=context)
        self._kubectl = Kubectl(Program("kubectl", settings.kubectl, environ), namespace=namespace, context=context)

    def commands(self, release: Release) -> tuple[Command, ...]:
        return (self._helm.upgrade(release), self._kubectl.get())

    def check(self, release: Release) -> tuple[str, ...]:
        return preflight(release, self._helm, self._kubectl, self._settings)

    def diff(self, release: Release) -> ReleaseDiff:
        name, digest = chart_name(release), release_digest(release)
        after = read_manifest(self._helm.template(release))
        before = read_manifest(self._helm.manifest(release.name))
        return ReleaseDiff(tuple(differences(before, after)), name, digest, images(after), tuple(sorted(after)))

    def status(self, name: str = "cap") -> ReleaseStatus:
        context = self._kubectl.context()
        # The record first: a change that ends in between is then told as ended, and never as cut off.
        under_way, history = self._ledger(name).under_way(), self._helm.history(name)
        found = diagnose(history, under_way, self._clock.now())
        objects = self._kubectl.objects() if history else []
        return ReleaseStatus(
            target=self.name,
            release=name,
            place=f"{context}/{self._settings.kube_namespace}",
            at=self._clock.now(),
            phase=found.phase,
            explanation=found.explanation,
            way_out=found.way_out,
            resources=resources_of(objects, name),
            images=images_of(objects),
            history=history,
            under_way=under_way,
            canary_percent=canary_percent(objects, name),
        )

    def apply(self, release: Release, emit: Emit) -> Deployed:
        self.check(release)
        digest, began = release_digest(release), self._clock.monotonic()
        with self._change(release.name, emit) as change:
            history, entry = self._helm.history(release.name), change.ledger.entry()
            _check_expected(release, history, entry)
            resumes = _is_resumable(history, entry, digest)
            from_revision = entry.from_revision if resumes and entry else _newest(history)
            recovered = not resumes and self._recover(change, history, entry)
            before = self._helm.history(release.name) if recovered else history
            change.ledger.begin(
                Entry(
                    "apply",
                    self._actor,
                    self._clock.now(),
                    "upgrade",
                    from_revision if resumes else _newest(before),
                    digest,
                )
            )
            if not resumes:
                self._upgrade(change, release, before)
            self._confirm(change, release, before)
            change.ledger.end()
        took_s, status = self._clock.monotonic() - began, self.status(release.name)
        return Deployed(
            "apply", status.revision, from_revision, took_s, status, digest, resumed=bool(resumes or recovered)
        )

    def rollback(self, name: str, revision: int | None, emit: Emit, *, timeout_s: int = DEFAULT_TIMEOUT_S) -> Deployed:
        began = self._clock.monotonic()
        with self._change(name, emit) as change:
            history = self._helm.history(name)
            goal = _goal(name, history, revision)
            change.ledger.begin(Entry("rollback", self._actor, self._clock.now(), "rollback", _newest(history)))
            code, stderr = change.run("rollback", self._helm.rollback(name, goal, timeout_s=timeout_s))
            if code:
                raise Refused(
                    "deploy.rollback_failed",
                    f"Going back to revision {goal} failed: {change.explain() or problem('helm', stderr).message}",
                    f"Correct the cause, then {ROLLBACK} {goal} again.",
                )
            _check_ready(change.await_ready(timeout_s), f"Revision {goal} of {name}")
            change.ledger.end()
        took_s, status = self._clock.monotonic() - began, self.status(name)
        return Deployed("rollback", status.revision, _newest(history), took_s, status)

    @contextmanager
    def _change(self, name: str, emit: Emit) -> Iterator[Change]:
        """Hold the release's lock while it is changed."""
        ledger = self._ledger(name)
        with ledger.hold() as lock:
            yield Change(self._helm, self._kubectl, ledger, self._clock, self._sleep, emit, name, lock)

    def _ledger(self, name: str) -> Ledger:
        place = f"{self._settings.kube_context}/{self._settings.kube_namespace}/{name}"
        return Ledger(self._settings.state_dir / FOLDER, place)

    def _recover(self, change: Change, history: tuple[Revision, ...], entry: Entry | None) -> bool:
        """Lead a release out of the pending state in which a killed helm left it; whether that was needed.

        Raises:
            Conflict: It may not be dead: somebody's helm may be at work on another machine.
        """
        newest = next(iter(history), None)
        if newest is None or not newest.is_pending:
            return False
        under_way = entry.under_way(is_alive=False) if entry else None
        found = diagnose(history, under_way, self._clock.now())
        if found.phase is Phase.RUNNING:
            hint = f"Wait for it; if you know that it was killed, {ROLLBACK} leads out of it."
            raise Conflict("deploy.pending", found.explanation.rstrip("."), hint)
        good = next((item.number for item in history if item.is_good), newest.number)
        # Without waiting: an upgrade follows at once. Where nothing ever served, the pending revision itself is taken.
        command = self._helm.rollback(change.release, good, timeout_s=DEFAULT_TIMEOUT_S, wait=False)
        code, stderr = change.run("recover", command)
        if code:
            raise problem("helm", stderr)
        return True

    def _upgrade(self, change: Change, release: Release, before: tuple[Revision, ...]) -> None:
        """Run helm's upgrade. Raises what became of it where it did not succeed."""
        code, stderr = change.run("upgrade", self._helm.upgrade(release))
        newest = change.newest()
        number = newest.number if newest else 0
        if code == 0 and number == _newest(before) + 1:
            return
        complaint = problem("helm", stderr)
        if code == 0 or number > _newest(before) + 1:
            raise _changed_meanwhile(release.name, newest)
        if number == _newest(before) or complaint.code == "deploy.pending":
            change.ledger.end()
            raise complaint
        cause = change.explain() or (complaint.message if code > 0 else f"helm was killed by signal {-code}")
        self._give_up(change, release, before, number, cause)

    def _confirm(self, change: Change, release: Release, before: tuple[Revision, ...]) -> None:
        """Wait until everything is ready, as helm does not where an HPA owns the number of replicas."""
        resources = change.await_ready(release.timeout_s)
        newest = change.newest()
        late = [item for item in resources if item.health in (Health.WAITING, Health.FAILED)]
        if late:
            self._give_up(change, release, before, newest.number if newest else 0, change.explain() or _late(late[0]))

    def _give_up(self, change: Change, release: Release, before: tuple[Revision, ...], number: int, cause: str) -> None:
        """Do what the policy says about a revision that did not come up, and say so. Always raises Refused."""
        failed = f"Revision {number} of {release.name} did not come up: {cause}"
        good = next((item.number for item in before if item.is_good and item.number != number), None)
        if release.on_failure is OnFailure.KEEP or good is None:
            newest = change.newest()
            if newest is None or not newest.is_pending:
                change.ledger.end()
            hint = f"{ROLLBACK} leads back to revision {good}." if good else "Correct it and apply again."
            raise Refused("deploy.failed", failed, hint)
        code, stderr = change.run("restore", self._helm.rollback(release.name, good, timeout_s=release.timeout_s))
        if code:
            raise Refused(
                "deploy.rollback_failed",
                f"{failed}; going back to revision {good} failed too: {problem('helm', stderr).message}",
                f"capctl deploy status shows what runs; then {ROLLBACK} {good}.",
            )
        _check_ready(change.await_ready(release.timeout_s), f"{failed}; revision {good}, which it went back to,")
        change.ledger.end()
        raise Refused(
            "deploy.rolled_back", f"{failed}; revision {good} serves again", "Correct the cause, then apply again."
        )


def _newest(history: tuple[Revision, ...]) -> int:
    return history[0].number if history else 0


def _check_expected(release: Release, history: tuple[Revision, ...], entry: Entry | None) -> None:
    """Refuse to deploy over a change that whoever planned this has not seen."""
    expected = release.expected_revision
    if expected is None or expected == _newest(history) or (entry and entry.from_revision == expected):
        return
    raise _changed_meanwhile(release.name, history[0] if history else None)


def _changed_meanwhile(name: str, newest: Revision | None) -> Conflict:
    now = f"revision {newest.number}, {newest.status}, {to_rfc3339(newest.at)}" if newest else "not there any more"
    hint = "Look again: capctl deploy status, then capctl deploy plan."
    return Conflict("deploy.changed", f"Somebody else changed the release {name} meanwhile: it is {now}", hint)


def _is_resumable(history: tuple[Revision, ...], entry: Entry | None, digest: str) -> bool:
    """Whether helm had deployed exactly this when whoever began it was cut off."""
    if entry is None or not history or entry.action != "apply" or entry.digest != digest:
        return False
    return history[0].status == "deployed" and history[0].number == entry.from_revision + 1


def _goal(name: str, history: tuple[Revision, ...], wanted: int | None) -> int:
    """The revision to go back to.

    Raises:
        NotFound: There is no such revision, or none to go back to.
        Refused: It never served.
    """
    good = [item.number for item in history if item.is_good]
    known = f"These served: {', '.join(map(str, good))}." if good else "None ever served: correct it and apply again."
    if wanted is None:
        older = way_back(history)
        if older is None:
            raise NotFound("deploy.nothing_good", f"{name} has no older revision to go back to", known)
        return older
    if wanted not in [item.number for item in history]:
        raise NotFound("deploy.no_revision", f"{name} has no revision {wanted}", known)
    if wanted not in good:
        raise Refused("deploy.never_served", f"Revision {wanted} of {name} never served", known)
    return wanted


def _check_ready(resources: tuple[Resource, ...], what: str) -> None:
    """Refuse to call a rollback done that has not brought everything back."""
    late = [item for item in resources if item.health in (Health.WAITING, Health.FAILED)]
    if late:
        cause = next((f"{item.place}: {item.cause}" for item in causes(resources)), _late(late[0]))
        hint = "capctl deploy status shows what is missing."
        raise Refused("deploy.not_ready", f"{what} is deployed and not ready: {cause}", hint)


def _late(item: Resource) -> str:
    return f"{item.place} has {item.ready} of {item.desired} ready"
