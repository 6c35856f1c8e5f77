"""Where a rollout is changed: the gate, authority and the audit record stand here, so no surface can walk around them.

Going up passes the gate and, in production, authority; going down, pausing and rolling back need nothing and insist
when somebody else changes the rollout at the same moment. Every change is committed with its audit record, in one
transaction, against the revision it was based on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from engine.audit import AuditEvent
from engine.drift.gate import Answer, GateReport
from engine.errors import Conflict, EngineError, InvalidInput, NotFound, Refused, Unavailable
from engine.ids import hash_bytes
from engine.ports import DriftSource, RolloutChange, Store
from engine.rollout import transitions
from engine.rollout.assessment import Assessment, assess, stopped
from engine.rollout.authority import Readiness, require_forward
from engine.rollout.plan import to_percent
from engine.rollout.state import MAX_BREAK_GLASS, BreakGlass, Phase, RolloutPlan, RolloutState
from engine.rollout.transitions import Action, require_revision

if TYPE_CHECKING:
    from engine.clock import Clock
    from engine.policy.ir import PolicyIR
    from engine.settings import Settings

EMBEDDED: Final = "embedded"
"""The source of evidence that needs none: the store itself."""
SALT_BYTES: Final = 32
_ATTEMPTS: Final = 20
"""How often a step back is tried against concurrent changes; each failure means that somebody else succeeded."""


class RolloutService:
    """Guards every change of every rollout.

    Args:
        store: Where rollouts and evidence are kept.
        clock: Wall time.
        settings: Of the environment; `prod` asks for more.
        random_bytes: Source of salts.
        readiness: Where production asks for the readiness signature; without one nothing is signed.
        source: Where the evidence is read; without one from the store, where the verifiers report.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        random_bytes: Callable[[int], bytes],
        *,
        readiness: Readiness | None = None,
        source: DriftSource | None = None,
    ) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._settings = settings
        self._random_bytes = random_bytes
        self._readiness = readiness

    # Reading

    @property
    def env(self) -> str:
        """The environment's name."""
        return self._settings.env

    @property
    def source(self) -> str:
        """Where the evidence is read: `embedded`, or a source's own name."""
        return self._source.name if self._source else EMBEDDED

    def assess(self, policy_id: str) -> Assessment:
        """A rollout, its evidence and its gate, all of one moment. Raises NotFound without a rollout."""
        return self.assess_state(self._require(policy_id))

    def assess_state(self, state: RolloutState) -> Assessment:
        """The evidence and the gate of a state that the caller has read. Raises Unavailable without evidence."""
        source = self._source
        samples = source.evidence_of(state) if source else self._store.evidence(state.policy_id)
        return assess(state, samples, self._clock.now())

    def assess_or_hold(self, state: RolloutState) -> Assessment:
        """The same, for whoever looks: a gate that holds, and says why, where the evidence cannot be read."""
        try:
            return self.assess_state(state)
        except Unavailable as error:
            return assess(state, (), self._clock.now(), source_problem=error.message)

    def assess_all(self) -> Iterator[Assessment]:
        """Every rollout there is, one after the other."""
        return map(self.assess_state, self._store.rollouts())

    def gate(self, policy_id: str) -> GateReport:
        """What the gate of a policy's rollout says now. Raises NotFound without a rollout."""
        return self.assess_or_hold(self._require(policy_id)).report

    # Forward

    def start(
        self,
        policy_id: str,
        plan: RolloutPlan,
        *,
        actor: str,
        reason: str = "",
        candidate_ir_hash: str | None = None,
        expected_revision: int | None = None,
    ) -> RolloutState:
        """Start a rollout at 0 %, where nothing is enforced and no gate is asked.

        Raises:
            NotFound: The policy is not published, or the candidate is not stored.
            Held: A rollout is under way.
            Conflict: Somebody else changed it meanwhile.
        """
        from engine.decision.bucketing import BUCKET_VERSION

        self._store.policy(policy_id)
        if candidate_ir_hash is not None:
            self._store.ir(candidate_ir_hash)
        previous = self._store.rollout(policy_id)
        require_revision(previous, expected_revision)
        state = transitions.start(
            previous,
            policy_id=policy_id,
            plan=plan,
            candidate_ir_hash=candidate_ir_hash,
            salt=self._random_bytes(SALT_BYTES),
            bucket_version=BUCKET_VERSION,
            actor=actor,
            reason=reason,
            at=self._clock.now(),
        )
        return self._commit(previous, state, Action.START, {})

    def promote(
        self,
        policy_id: str,
        *,
        actor: str,
        reason: str = "",
        break_glass: bool = False,
        approver: str = "",
        expected_revision: int | None = None,
    ) -> RolloutState:
        """Go to the plan's next step.

        Args:
            policy_id: The policy under rollout.
            actor: The operator.
            reason: Why; needed with `break_glass`.
            break_glass: Pass a gate that is not open, for at most an hour.
            approver: The second person, where production asks for one.
            expected_revision: Fail unless this is the present revision.

        Raises:
            Refused: The gate is closed.
            Held: The gate holds, the phase does not allow it, or authority is missing.
            Conflict: Somebody else changed it meanwhile.
        """
        state = self._require(policy_id, expected_revision)
        at = self._clock.now()

        def make(glass: BreakGlass | None) -> RolloutState:
            return transitions.promote(state, actor=actor, reason=reason, at=at, break_glass=glass)

        return self._go_up(state, make, Action.PROMOTE, actor, reason, break_glass=break_glass, approver=approver)

    def set_percent(
        self,
        policy_id: str,
        basis_points: int,
        *,
        actor: str,
        reason: str = "",
        break_glass: bool = False,
        approver: str = "",
        expected_revision: int | None = None,
    ) -> RolloutState:
        """Go to any percentage. Up passes the gate as `promote` does; down needs nothing; staying changes nothing."""
        state = self._require(policy_id, expected_revision)
        if basis_points == state.basis_points and state.phase is not Phase.ROLLED_BACK:
            return state

        def make(current: RolloutState, glass: BreakGlass | None = None) -> RolloutState:
            return transitions.set_percentage(
                current, basis_points, actor=actor, reason=reason, at=self._clock.now(), break_glass=glass
            )

        if basis_points < state.basis_points:
            return self._insist(state, make, Action.SET, insist=expected_revision is None)
        return self._go_up(
            state,
            lambda glass: make(state, glass),
            Action.SET,
            actor,
            reason,
            break_glass=break_glass,
            approver=approver,
        )

    # Sideways and back

    def pause(
        self, policy_id: str, *, actor: str, reason: str = "", expected_revision: int | None = None
    ) -> RolloutState:
        """Hold enforcement where it is. Pausing what is paused changes nothing."""
        state = self._require(policy_id, expected_revision)

        def make(current: RolloutState) -> RolloutState:
            if current.phase is Phase.PAUSED:
                return current
            return transitions.pause(current, actor=actor, reason=reason, at=self._clock.now())

        return self._insist(state, make, Action.PAUSE, insist=expected_revision is None)

    def resume(
        self, policy_id: str, *, actor: str, reason: str = "", expected_revision: int | None = None
    ) -> RolloutState:
        """Go on from a pause, at the same percentage."""
        state = self._require(policy_id, expected_revision)
        resumed = transitions.resume(state, actor=actor, reason=reason, at=self._clock.now())
        return self._commit(state, resumed, Action.RESUME, {})

    def rollback(
        self, policy_id: str, *, actor: str, reason: str = "", expected_revision: int | None = None
    ) -> RolloutState:
        """Back to 0 %, always allowed. Wins over whatever changes meanwhile, unless a revision is expected."""
        state = self._require(policy_id, expected_revision)

        def make(current: RolloutState) -> RolloutState:
            if current.phase is Phase.ROLLED_BACK:
                return current
            return transitions.roll_back(current, actor=actor, reason=reason, at=self._clock.now())

        return self._insist(state, make, Action.ROLLBACK, insist=expected_revision is None, with_evidence=True)

    def inject_candidate(
        self,
        policy_id: str,
        candidate: PolicyIR,
        *,
        actor: str,
        reason: str = "",
        expected_revision: int | None = None,
    ) -> RolloutState:
        """Swap the candidate under a running rollout: a demonstration of what drift does, never in production.

        Raises:
            Refused: This is production: a new candidate starts a new rollout at 0 % there.
        """
        if self._settings.is_production:
            raise Refused(
                "rollout.candidate_in_production",
                "A candidate cannot be swapped under a running rollout in production",
                "Roll back, then start a rollout with the new candidate at 0 %.",
            )
        state = self._require(policy_id, expected_revision)
        swapped = transitions.swap_candidate(state, candidate.ir_hash, actor=actor, reason=reason, at=self._clock.now())
        self._store.keep(candidate)
        return self._commit(state, swapped, Action.CANDIDATE, {})

    def expire_break_glass(
        self, policy_id: str, *, actor: str, reason: str = "", expected_revision: int | None = None
    ) -> RolloutState:
        """End a break-glass: stay where the gate is open by now, else go back to where it began."""
        state = self._require(policy_id, expected_revision)
        report = self.assess_state(state).report
        ended = transitions.expire(
            state, gate_open=report.answer is Answer.OPEN, actor=actor, reason=reason, at=self._clock.now()
        )
        return self._commit(state, ended, Action.EXPIRE, report.to_json())

    # How changes are made

    def _require(self, policy_id: str, expected_revision: int | None = None) -> RolloutState:
        """The rollout as it stands. Raises NotFound without one, Conflict where it has another revision."""
        state = self._store.rollout(policy_id)
        if state is None:
            raise NotFound("rollout.none", f"No rollout of {policy_id} was started", "Start one: capctl rollout start.")
        require_revision(state, expected_revision)
        return state

    def _go_up(
        self,
        state: RolloutState,
        make: Callable[[BreakGlass | None], RolloutState],
        action: Action,
        actor: str,
        reason: str,
        *,
        break_glass: bool,
        approver: str,
    ) -> RolloutState:
        proposed = make(None)
        require_forward(
            self._settings,
            self._readiness,
            policy_id=state.policy_id,
            basis_points=proposed.basis_points,
            actor=actor,
            approver=approver,
            at=self._clock.now(),
        )
        report = self.assess_state(state).report
        evidence = report.to_json()
        if approver:
            evidence["approver"] = self._store.pseudonym(approver)
        if report.answer is not Answer.OPEN:
            proposed = make(self._break_glass(state, report, actor, reason, asked=break_glass))
            evidence["break_glass"] = True
        return self._commit(state, proposed, action, evidence)

    def _break_glass(
        self, state: RolloutState, report: GateReport, actor: str, reason: str, *, asked: bool
    ) -> BreakGlass:
        """The break-glass that passes a gate which is not open, or the refusal where none was asked for."""
        if not asked:
            raise stopped(report)
        if not reason.strip():
            raise InvalidInput(
                "rollout.reason_needed", "Break-glass needs a reason", "Say why the gate must be passed: --reason."
            )
        # A second break-glass on top of the first still returns to where the gate was last open.
        earlier = state.break_glass
        return BreakGlass(
            reason=transitions.as_reason(reason),
            actor=actor,
            until=self._clock.now() + MAX_BREAK_GLASS,
            return_to_basis_points=earlier.return_to_basis_points if earlier else state.basis_points,
        )

    def _insist(
        self,
        state: RolloutState,
        make: Callable[[RolloutState], RolloutState],
        action: Action,
        *,
        insist: bool,
        with_evidence: bool = False,
    ) -> RolloutState:
        """Commit a step that raises nothing; with `insist`, again and again on whatever the others made of it."""
        for attempt in range(_ATTEMPTS):
            changed = make(state)
            if changed is state:
                return state
            if changed.basis_points > state.basis_points:
                raise Conflict(
                    "rollout.revision_conflict",
                    f"{state.actor} changed the rollout to {to_percent(state.basis_points)} % meanwhile, "
                    f"revision {state.revision}",
                    "Look again (capctl rollout show), then decide anew.",
                )
            evidence = self._evidence_if_readable(state) if with_evidence else {}
            try:
                return self._commit(state, changed, action, evidence)
            except Conflict:
                if not insist or attempt == _ATTEMPTS - 1:
                    raise
                state = self._require(state.policy_id)
        raise AssertionError("the last attempt returns or raises")

    def _evidence_if_readable(self, state: RolloutState) -> dict[str, Any]:
        """What the gate said when somebody went back; evidence that cannot be read must not stop them."""
        try:
            return self.assess_state(state).to_json()
        except EngineError as error:
            return {"unreadable": error.code}

    def _commit(
        self, previous: RolloutState | None, state: RolloutState, action: Action, evidence: dict[str, Any]
    ) -> RolloutState:
        event = AuditEvent(
            action=f"rollout.{action.value}",
            outcome="done",
            actor=self._store.pseudonym(state.actor),
            object=state.policy_id,
            revision=state.revision,
            reason=hash_bytes(state.reason.encode()) if state.reason else "",
        )
        self._store.commit_rollout(
            RolloutChange(state, action.value, evidence),
            expected_revision=previous.revision if previous else None,
            audit=event,
        )
        return state
