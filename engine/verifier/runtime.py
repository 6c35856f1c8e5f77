"""The living part of a verifier: what it serves, what it has measured, and how it keeps up with the store.

Requests read `serving` and call `record`; neither waits for anything. `refresh`, `report` and `look` talk to the store
and are called over and over, in one thread of their own. A store that locks, breaks or disappears stops none of this:
the last known state is served on, and `health` says so. With no known state there are no policies, and nothing is
enforced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from engine.clock import Clock
from engine.context import EngineContext
from engine.drift.gate import GateReport
from engine.drift.recorder import DriftRecorder
from engine.drift.sample import ReplicaSample
from engine.errors import EngineError
from engine.ports import ReplicaKeys
from engine.rollout.service import RolloutService
from engine.rollout.steward import Steward
from engine.verifier.failures import describe
from engine.verifier.problems import UNEXPECTED
from engine.verifier.serving import Serving, load_serving
from engine.verifier.verification import Verification

AA_EVERY: Final = 64
"""One request in so many has its baseline evaluated twice."""

REFRESH_S: Final = 0.2
REPORT_S: Final = 0.5
LOOK_S: Final = 1.0
REPORT_KEYS_S: Final = 10.0
"""How often a verifier says which keyring it goes by; a new one it reports at once."""

_log = logging.getLogger("capctl.verifier")


@dataclass(frozen=True, slots=True)
class Health:
    """How well this verifier knows what it should serve."""

    faults: Mapping[str, str] = field(default_factory=dict)
    """What cannot be done with the store at present (`refresh`, `keys`, `report`, `look`), and the error's code."""
    draining: bool = False


class KeyFollower(Protocol):
    """Goes by the newest keyring."""

    def follow(self) -> int:
        """Catch up with the keyring, and say which version that is. Raises what the keyring's keeper raises."""
        ...


class Runtime:
    """One verifier's state. `refresh`, `report`, `look` and `close` belong to one thread; the rest to any.

    Args:
        ctx: The environment, its store and clock.
        replica: Stable name: under it evidence is reported, and continued after a restart.
    """

    def __init__(self, ctx: EngineContext, *, replica: str) -> None:
        self.ctx = ctx
        self.replica = replica
        self.service = RolloutService(ctx.store, ctx.clock, ctx.settings, ctx.random_bytes, readiness=ctx.readiness)
        """Through which rollouts are changed; to be used in the store's thread."""
        self.recorder = DriftRecorder(ctx.clock.monotonic)
        self.serving: Serving | None = None
        self.gates: Mapping[str, GateReport] = {}
        """What each rollout's gate said at the last look."""
        self.health = Health()
        self.keys: KeyFollower | None = None
        """Who signs results; told to keep up with the keyring, and reported on to the store."""
        self._keyring = ReplicaKeys(replica, 0, ctx.clock.now())
        self._keyring_reported = float("-inf")
        self.started_at = ctx.clock.now()
        self._since_aa = 0

    @property
    def clock(self) -> Clock:
        """The clock of this verifier."""
        return self.ctx.clock

    def record(self, verification: Verification) -> None:
        """Count a decision as evidence, if it is any."""
        served = verification.evidence_for
        if served is None:
            return
        self.recorder.record(verification.decision, step_id=served.step_id)
        self._since_aa += 1
        if self._since_aa >= AA_EVERY:
            self._since_aa = 0
            agrees = served.decider.self_agrees(verification.context, verification.at, again_at=self.clock.now())
            self.recorder.record_self_check(served.entry.policy_id, agreed=agrees, step_id=served.step_id)

    def refresh(self) -> None:
        """Catch up with the store and with the keyring, if they have changed."""
        self._with_store("refresh", self._refresh)
        self._with_store("keys", self._follow_keys)

    def _follow_keys(self) -> None:
        if self.keys is None:
            return
        version, now = self.keys.follow(), self.clock.monotonic()
        # What is reported is what is gone by: a rotation waits for it.
        if version != self._keyring.keyring_version or now - self._keyring_reported >= REPORT_KEYS_S:
            self._keyring = ReplicaKeys(self.replica, version, self.clock.now())
            self.ctx.store.report_keys(self._keyring)
            self._keyring_reported = now

    def _refresh(self) -> None:
        before = self.serving
        if before is not None and self.ctx.store.version_token() == before.version:
            return
        serving = load_serving(self.ctx.store, before, ceiling=self.ctx.settings.ceiling_basis_points)
        # A replica that starts goes on counting where it stopped.
        reported = self._own_reports(serving) if before is None else ()
        for policy_id, served in serving.policies.items():
            self.recorder.begin_step(policy_id, served.step_id, served.revision)
        for sample in reported:
            self.recorder.resume(sample)
        self.serving = serving

    def _own_reports(self, serving: Serving) -> Sequence[ReplicaSample]:
        samples = (sample for policy_id in serving.policies for sample in self.ctx.store.evidence(policy_id))
        return [sample for sample in samples if sample.replica == self.replica]

    def report(self) -> None:
        """Tell the store what was measured."""
        self._with_store("report", self._report)

    def _report(self) -> None:
        if self.serving is not None:
            self.ctx.store.report_evidence(self.recorder.samples(self.replica, self.clock.now()))

    def look(self) -> None:
        """Let the steward look at every rollout, and note what its gate says."""
        self._with_store("look", self._look)

    def _look(self) -> None:
        Steward(self.service).look()
        self.gates = {found.state.policy_id: found.report for found in self.service.assess_all()}

    def drain(self) -> None:
        """Stop being ready; what is under way is finished."""
        self.health = replace(self.health, draining=True)

    def close(self) -> None:
        """Report a last time and let go of the store."""
        self.report()
        try:
            if self.keys is not None:
                self.ctx.store.forget_replica(self.replica)
            self.ctx.store.close()
        except EngineError as error:
            _log.warning("the store did not close: %s", error.code)

    def _with_store(self, name: str, action: Callable[[], None]) -> None:
        """Run something that needs the store, and note how that went."""
        code = ""
        try:
            action()
        except EngineError as error:
            code = error.code
        except Exception as error:
            # What nobody foresaw is a fault like any other: said in /readyz, tried again, and no reason to crash.
            code = UNEXPECTED.code
            _log.error("%s: %s", name, describe(error))
        known = self.health.faults.get(name, "")
        if code == known:
            return
        _log.warning("%s: %s", name, code or "works again")
        others = {other: fault for other, fault in self.health.faults.items() if other != name}
        self.health = replace(self.health, faults={**others, name: code} if code else others)
