"""The choke point: who is refused, what a dry run leaves, and what the audit trail says of every attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audit import AuditEvent, current_intent, verify_chain
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ops.run import run
from engine.ops.spec import Arg, Danger, Operation, Param
from engine.settings import Settings
from tests.samples.stored import AT, first_state, make_change, make_ir


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    with open_context(Settings(state_dir=tmp_path / "state"), actor="oncall", clock=ManualClock()) as ctx:
        yield ctx


def op(function: Callable[..., Any], *, danger: Danger = Danger.WRITE, streams: bool = False) -> Operation:
    """An operation that was not declared: the registry of operations belongs to the real ones."""
    params = (Param("policy", str, Arg("A policy."), ""),) if "policy" in function.__annotations__ else ()
    return Operation("test.act", danger, function, ("test", "act"), "", streams, params)


def publish(ctx: EngineContext) -> str:
    """Changes the store and records its own outcome with the change, as operations should."""
    audit = AuditEvent("test.act", "done", ctx.store.pseudonym(ctx.actor), object="p.v1")
    return ctx.store.publish(make_ir(), b"", at=AT, audit=audit).policy_id


def keep(ctx: EngineContext) -> str:
    """Changes the store through a call that records nothing."""
    ctx.store.keep(make_ir())
    return "kept"


def trail(ctx: EngineContext) -> list[tuple[str, str, str]]:
    """Action, outcome and code of every record but that of the first keys, oldest first; checks the chain."""
    assert list(verify_chain(ctx.store.audit_lines(), head=ctx.store.audit_head())) == []
    events = [record.event for record in reversed(ctx.store.audit_tail())]
    return [(event.action, event.outcome, event.code) for event in events if event.action != "keys.init"]


def raising(error: BaseException) -> Callable[[EngineContext], None]:
    def function(ctx: EngineContext) -> None:
        ctx.store.keep(make_ir())
        raise error

    return function


class TestReading:
    def test_leaves_no_trace(self, ctx: EngineContext) -> None:
        look = op(lambda ctx, number: number + len(ctx.store.policies()), danger=Danger.READ)
        assert run(look, ctx, number=3) == 3
        assert not ctx.settings.store_path.exists()

    def test_is_allowed_where_nothing_may_change(self, ctx: EngineContext) -> None:
        assert run(op(lambda ctx: 1, danger=Danger.READ), replace(ctx, read_only=True)) == 1


class TestReadOnly:
    @pytest.mark.parametrize("danger", [Danger.WRITE, Danger.IRREVERSIBLE])
    @pytest.mark.parametrize("streams", [False, True])
    def test_refuses_before_anything_happens(self, ctx: EngineContext, danger: Danger, streams: bool) -> None:
        """A stream is refused when it is asked for, not when somebody gets round to reading it."""
        with pytest.raises(Held) as refusal:
            run(op(publish, danger=danger, streams=streams), replace(ctx, read_only=True))
        assert refusal.value.code == "ops.read_only"
        assert not ctx.settings.store_path.exists()


class TestAudit:
    def test_an_operation_that_records_its_outcome_leaves_just_that_one(self, ctx: EngineContext) -> None:
        assert run(op(publish), ctx) == "p.v1"
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "done", "")]
        done, _, intent = ctx.store.audit_tail()
        assert (done.event.intent, done.event.object) == (intent.seq, "p.v1")

    def test_an_operation_that_does_not_gets_one(self, ctx: EngineContext) -> None:
        run(op(keep), ctx)
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "done", "")]

    def test_a_change_that_changes_nothing_was_done_as_well(self, ctx: EngineContext) -> None:
        """Publishing the same content again stores nothing, and records nothing of its own."""
        run(op(publish), ctx)
        run(op(publish), ctx)
        assert [outcome for _, outcome, _ in trail(ctx)] == ["intent", "done"] * 2

    def test_the_outcome_of_something_within_is_not_taken_for_its_own(self, ctx: EngineContext) -> None:
        def act(ctx: EngineContext) -> None:
            ctx.store.append_audit(AuditEvent("policy.publish", "done", "op-0"), at=AT)

        run(op(act), ctx)
        assert trail(ctx) == [("test.act", "intent", ""), ("policy.publish", "done", ""), ("test.act", "done", "")]
        assert {record.event.intent for record in ctx.store.audit_tail(limit=2)} == {1}

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (InvalidInput("a.b", "m"), "refused"),
            (Refused("a.b", "m"), "refused"),
            (Held("a.b", "m"), "refused"),
            (Conflict("a.b", "m"), "refused"),
            (NotFound("a.b", "m"), "refused"),
            (Unavailable("a.b", "m"), "failed"),
            (EngineError("a.b", "m"), "failed"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
    )
    def test_an_error_is_recorded_for_what_it_is_and_passed_on(
        self, ctx: EngineContext, error: EngineError, outcome: str
    ) -> None:
        with pytest.raises(type(error)) as raised:
            run(op(raising(error)), ctx)
        assert raised.value is error
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", outcome, "a.b")]

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (ZeroDivisionError("A Person"), "ops.unexpected"),
            (KeyboardInterrupt(), "ops.interrupted"),
            (SystemExit(1), "ops.unexpected"),
        ],
    )
    def test_what_nobody_expected_is_recorded_without_its_text(
        self, ctx: EngineContext, error: BaseException, code: str
    ) -> None:
        with pytest.raises(type(error)):
            run(op(raising(error)), ctx)
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "failed", code)]
        assert b"Person" not in b"".join(ctx.store.audit_lines())

    def test_what_was_done_stays_done_when_telling_of_it_fails(self, ctx: EngineContext) -> None:
        def act(ctx: EngineContext) -> None:
            publish(ctx)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            run(op(act), ctx)
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "done", "")]

    def test_nothing_is_begun_that_cannot_be_recorded(self, ctx: EngineContext) -> None:
        ctx.settings.store_path.mkdir(parents=True)
        begun: list[bool] = []
        with pytest.raises(Unavailable):
            run(op(lambda ctx: begun.append(True)), ctx)
        assert begun == []

    def test_the_error_that_ended_it_wins_over_a_store_that_is_gone(self, ctx: EngineContext, tmp_path: Path) -> None:
        def act(ctx: EngineContext) -> None:
            ctx.settings.store_path.rename(tmp_path / "away")
            raise Refused("gate.closed", "The gate is closed")

        with pytest.raises(Refused):
            run(op(act), ctx)

    def test_the_actor_is_known_by_pseudonym(self, ctx: EngineContext) -> None:
        run(op(keep), replace(ctx, actor="A Person"))
        assert b"Person" not in b"".join(ctx.store.audit_lines())
        [_, intent] = ctx.store.audit_tail()
        assert ctx.store.actor_name(intent.event.actor) == "A Person"

    def test_a_policy_is_named_only_if_the_registry_knows_it(self, ctx: EngineContext) -> None:
        """A refused attempt says what it was about, and nobody's free text gets into the trail."""

        def act(ctx: EngineContext, *, policy: Annotated[str, Arg("A policy.")] = "") -> None:
            raise Held("gate.hold", "Not enough evidence")

        state = first_state("p.v1")
        audit = AuditEvent("rollout.start", "done", "op-0", object="p.v1", revision=1)
        ctx.store.commit_rollout(make_change(state), expected_revision=None, audit=audit)
        for named in ("p.v1", "", "A Person"):
            with pytest.raises(Held):
                run(op(act), ctx, policy=named)
        objects = [record.event.object for record in ctx.store.audit_tail(limit=6)]
        assert objects == ["", "", "p.v1", "p.v1", "p.v1", "p.v1"]

    def test_a_damaged_rollout_does_not_stand_in_the_way_of_another_policy_s(
        self, ctx: EngineContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rolling back is always allowed."""

        def act(ctx: EngineContext, *, policy: Annotated[str, Arg("A policy.")] = "") -> str:
            return f"rolled back {policy}"

        def damaged() -> None:
            raise Unavailable("rollout.malformed", "The stored rollout cannot be read")

        monkeypatch.setattr(ctx.store, "rollouts", damaged)
        assert run(op(act), ctx, policy="p.v1") == "rolled back p.v1"
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "done", "")]

    def test_an_intent_does_not_outlive_its_operation(self, ctx: EngineContext) -> None:
        run(op(keep), ctx)
        assert current_intent.get() is None


class TestDryRun:
    def test_gives_the_real_answer_and_keeps_nothing(self, ctx: EngineContext) -> None:
        assert run(op(publish), ctx, dry_run=True) == "p.v1"
        assert not ctx.settings.store_path.exists()
        run(op(keep), ctx)
        before = trail(ctx)
        assert run(op(publish), ctx, dry_run=True) == "p.v1"
        assert (ctx.store.policies(), trail(ctx)) == ([], before)

    def test_refuses_what_the_real_thing_would_refuse(self, ctx: EngineContext) -> None:
        with pytest.raises(Refused):
            run(op(raising(Refused("a.b", "m"))), ctx, dry_run=True)
        assert not ctx.settings.store_path.exists()


class TestStreams:
    @staticmethod
    def act(ctx: EngineContext) -> Iterator[int]:
        yield 1
        ctx.store.append_audit(AuditEvent("test.step", "done", "op-0"), at=AT)
        yield 2

    def test_events_come_one_by_one_between_intent_and_outcome(self, ctx: EngineContext) -> None:
        events = run(op(self.act, streams=True), ctx)
        assert not ctx.settings.store_path.exists()
        assert next(events) == 1
        assert trail(ctx) == [("test.act", "intent", "")]
        assert current_intent.get() is None
        assert list(events) == [2]
        assert [(action, outcome) for action, outcome, _ in trail(ctx)] == [
            ("test.act", "intent"),
            ("test.step", "done"),
            ("test.act", "done"),
        ]
        assert {record.event.intent for record in ctx.store.audit_tail(limit=2)} == {1}

    def test_one_that_fails_on_the_way_is_recorded(self, ctx: EngineContext) -> None:
        def act(ctx: EngineContext) -> Iterator[int]:
            yield 1
            raise Refused("gate.closed", "The gate is closed")

        events = run(op(act, streams=True), ctx)
        assert next(events) == 1
        with pytest.raises(Refused):
            next(events)
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "refused", "gate.closed")]

    def test_one_that_is_left_is_recorded(self, ctx: EngineContext) -> None:
        events = run(op(self.act, streams=True), ctx)
        next(events)
        events.close()
        assert trail(ctx) == [("test.act", "intent", ""), ("test.act", "failed", "ops.abandoned")]

    def test_a_dry_run_keeps_nothing_of_it(self, ctx: EngineContext) -> None:
        assert list(run(op(self.act, streams=True), ctx, dry_run=True)) == [1, 2]
        assert not ctx.settings.store_path.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [publish, keep, raising(Refused("a.b", "m")), raising(ValueError()), raising(Unavailable("a.c", "m"))]
        ),
        max_size=6,
    )
)
def test_every_intent_has_exactly_one_outcome(tmp_path_factory: pytest.TempPathFactory, functions: list[Any]) -> None:
    with open_context(Settings(state_dir=tmp_path_factory.mktemp("state")), actor="oncall") as ctx:
        for function in functions:
            try:
                run(op(function), ctx)
            except (EngineError, ValueError):
                continue
        events = [record.event for record in ctx.store.audit_tail()]
        intents = sorted(record.seq for record in ctx.store.audit_tail() if record.event.outcome == "intent")
        assert sorted(event.intent for event in events if event.intent is not None) == intents
        assert len(intents) == len(functions)
