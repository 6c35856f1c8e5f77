"""What every store keeps its word on, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audit import current_intent, verify_chain
from engine.clock import ManualClock
from engine.drift.counts import Counts
from engine.drift.sample import Explanation, ReplicaSample, Traffic
from engine.errors import Conflict, InvalidInput, NotFound
from engine.ids import merkle_root
from engine.ports import Store
from engine.registry import SqliteStore
from tests.samples.stored import AT, first_state, make_change, make_event, make_ir, make_sample, next_state

OpenStore = Callable[[], Store]


@pytest.fixture(params=[SqliteStore], ids=["sqlite"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same data once more, as another process would."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(request.param(tmp_path / "state" / "store", ManualClock()))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


@pytest.fixture
def other(open_store: OpenStore) -> Store:
    return open_store()


class TestPolicies:
    def test_published_policy_is_found_by_id_and_by_hash_with_its_source(self, store: Store, other: Store) -> None:
        ir = make_ir()
        entry = store.publish(ir, b"id: p.v1\n", at=AT, audit=make_event())
        assert other.policy("p.v1") == ir == other.ir(ir.ir_hash)
        assert other.policy_source("p.v1") == b"id: p.v1\n"
        assert other.policies() == [entry]

    def test_policies_are_listed_by_id(self, store: Store) -> None:
        for policy_id in ("b.v1", "a.v1", "c.v1"):
            store.publish(make_ir(policy_id), b"", at=AT, audit=make_event())
        assert [entry.policy_id for entry in store.policies()] == ["a.v1", "b.v1", "c.v1"]

    def test_publishing_the_same_content_again_changes_nothing(self, store: Store) -> None:
        entry = store.publish(make_ir(), b"# one spelling", at=AT, audit=make_event())
        token, head = store.version_token(), store.audit_head()
        again = store.publish(make_ir(), b"# another", at=AT + timedelta(days=1), audit=make_event())
        assert (again, store.version_token(), store.audit_head()) == (entry, token, head)
        assert store.policy_source("p.v1") == b"# one spelling"

    def test_an_id_never_stands_for_other_content(self, store: Store) -> None:
        store.publish(make_ir(), b"", at=AT, audit=make_event())
        head = store.audit_head()
        with pytest.raises(Conflict) as refusal:
            store.publish(make_ir(minimum=2), b"", at=AT, audit=make_event())
        assert "p.v1" in refusal.value.message
        assert store.policy("p.v1") == make_ir()
        assert store.audit_head() == head

    def test_kept_ir_is_found_by_hash_but_not_published(self, store: Store) -> None:
        store.keep(make_ir())
        store.keep(make_ir())
        assert store.ir(make_ir().ir_hash) == make_ir()
        assert store.policies() == []
        with pytest.raises(NotFound):
            store.policy("p.v1")

    def test_what_was_never_stored_is_not_found(self, store: Store) -> None:
        for look_up in (store.policy, store.policy_source, store.ir, store.reference_set):
            with pytest.raises(NotFound, match=r"nowhere\.v1"):
                look_up("nowhere.v1")


class TestReferenceSets:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
    @given(st.frozensets(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20), max_size=20))
    def test_members_come_back_under_their_root(self, store: Store, members: frozenset[str]) -> None:
        entry = store.import_set("list", members, at=AT, audit=make_event("lists.import"))
        assert (entry.root, entry.count) == (merkle_root(members), len(members))
        assert store.reference_set(entry.root) == members

    def test_importing_again_changes_nothing_but_the_name(self, store: Store) -> None:
        members = frozenset({"a", "b"})
        first = store.import_set("old", members, at=AT, audit=make_event("lists.import"))
        head = store.audit_head()
        assert store.import_set("old", members, at=AT, audit=make_event("lists.import")) == first
        assert store.audit_head() == head
        renamed = store.import_set("new", members, at=AT + timedelta(days=1), audit=make_event("lists.import"))
        assert (renamed.name, renamed.imported_at) == ("new", AT)
        assert store.reference_sets() == [renamed]
        assert store.audit_head().seq == head.seq + 1

    def test_sets_are_listed_by_name(self, store: Store) -> None:
        for name in ("b", "a"):
            store.import_set(name, frozenset({name}), at=AT, audit=make_event("lists.import"))
        assert [entry.name for entry in store.reference_sets()] == ["a", "b"]

    @pytest.mark.parametrize("member", ["two\nlines", "\ud800"], ids=["line break", "lone surrogate"])
    def test_member_that_would_not_come_back_is_refused(self, store: Store, member: str) -> None:
        with pytest.raises(InvalidInput):
            store.import_set("list", frozenset({member, "x"}), at=AT, audit=make_event("lists.import"))
        assert (store.reference_sets(), store.audit_head().seq) == ([], 0)


class TestRollouts:
    def test_there_is_none_before_the_first(self, store: Store) -> None:
        assert store.rollout("p.v1") is None
        assert store.rollouts() == []
        assert store.rollout_history("p.v1") == []

    def test_a_change_is_seen_by_everybody_with_its_audit_record(self, store: Store, other: Store) -> None:
        state = first_state()
        store.commit_rollout(
            make_change(state, "start"), expected_revision=None, audit=make_event("rollout.start", revision=1)
        )
        assert other.rollout("p.v1") == state
        [record] = other.audit_tail()
        assert (record.event.action, record.event.revision, record.at) == ("rollout.start", 1, AT)

    def test_the_second_of_two_operators_gets_a_conflict_that_says_what_changed(
        self, store: Store, other: Store
    ) -> None:
        store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
        seen_by_both = other.rollout("p.v1")
        assert seen_by_both is not None
        store.commit_rollout(
            make_change(next_state(seen_by_both, actor="second")), expected_revision=1, audit=make_event()
        )
        head = store.audit_head()
        with pytest.raises(Conflict) as conflict:
            other.commit_rollout(make_change(next_state(seen_by_both)), expected_revision=1, audit=make_event())
        assert "second" in conflict.value.message
        assert "canary at 25 %, revision 2, 2026-03-01T12:01:00Z" in conflict.value.message
        assert other.rollout("p.v1") == next_state(seen_by_both, actor="second")
        assert other.audit_head() == head

    def test_starting_where_one_runs_is_a_conflict(self, store: Store) -> None:
        store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
        with pytest.raises(Conflict):
            store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())

    def test_changing_what_never_began_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.commit_rollout(make_change(next_state(first_state())), expected_revision=1, audit=make_event())

    def test_a_revision_is_never_skipped(self, store: Store) -> None:
        """Only a caller that is wrong could ask for it."""
        with pytest.raises(ValueError, match="does not follow"):
            store.commit_rollout(make_change(next_state(first_state())), expected_revision=None, audit=make_event())
        assert (store.rollout("p.v1"), store.audit_head().seq) == (None, 0)

    def test_a_candidate_that_is_not_stored_cannot_be_rolled_out(self, store: Store) -> None:
        ir = make_ir("p.v1-new")
        state = replace(first_state(), candidate_ir_hash=ir.ir_hash)
        with pytest.raises(NotFound):
            store.commit_rollout(make_change(state), expected_revision=None, audit=make_event())
        assert (store.rollout("p.v1"), store.audit_head().seq) == (None, 0)
        store.keep(ir)
        store.commit_rollout(make_change(state), expected_revision=None, audit=make_event())
        assert store.rollout("p.v1") == state

    def test_history_is_newest_first_with_its_evidence(self, store: Store) -> None:
        states = [first_state()]
        for _ in range(4):
            states.append(next_state(states[-1]))
        for state in states:
            store.commit_rollout(
                make_change(state, f"step {state.revision}"),
                expected_revision=state.revision - 1 or None,
                audit=make_event(),
            )
        assert [change.state for change in store.rollout_history("p.v1")] == states[::-1]
        latest, before = store.rollout_history("p.v1", limit=2)
        assert (latest.action, before.action) == ("step 5", "step 4")
        assert latest.evidence == {"answer": "open", "ratio": 0.0015, "n": 5}

    def test_policies_roll_out_independently(self, store: Store) -> None:
        for policy_id in ("b.v1", "a.v1"):
            store.commit_rollout(make_change(first_state(policy_id)), expected_revision=None, audit=make_event())
        assert [state.policy_id for state in store.rollouts()] == ["a.v1", "b.v1"]
        assert len(store.rollout_history("a.v1")) == 1


counts = st.builds(Counts, *[st.integers(0, 2**53 - 1)] * 10)
traffic = st.builds(
    Traffic, st.integers(0, 10**9), st.integers(0, 10**9), st.lists(st.integers(0, 10**9), max_size=41).map(tuple)
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
samples = st.builds(
    ReplicaSample,
    replica=names,
    policy_id=st.just("p.v1"),
    step_id=names,
    revision=st.integers(0, 10**6),
    at=st.just(AT),
    step=counts,
    step_traffic=traffic,
    windows=st.dictionaries(st.sampled_from(["5m", "15m", "60m"]), counts),
    recent=traffic,
    requests_per_s=st.floats(0, 1e6),
    explained=st.lists(st.builds(Explanation, names, names, names, st.booleans(), st.integers(0, 10**9))).map(tuple),
)


class TestEvidence:
    def test_the_latest_report_of_each_replica_counts(self, store: Store, other: Store) -> None:
        store.report_evidence([make_sample("v-2"), make_sample("v-1"), make_sample("v-1", "q.v1")])
        store.report_evidence([make_sample("v-1", requests=800)])
        assert other.evidence("p.v1") == [make_sample("v-1", requests=800), make_sample("v-2")]
        assert other.evidence("q.v1") == [make_sample("v-1", "q.v1")]
        assert other.evidence("r.v1") == []

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
    @given(samples)
    def test_every_report_comes_back_as_it_was(self, store: Store, sample: ReplicaSample) -> None:
        store.report_evidence([sample])
        assert sample in store.evidence("p.v1")

    def test_replicas_long_gone_are_forgotten_when_their_step_is_over(self, store: Store) -> None:
        """What they said about the current step stays: it is evidence, whoever died since."""
        state = next_state(first_state())
        store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
        long_ago = AT - timedelta(days=2)
        silent_in_this_step = replace(make_sample("silent", at=long_ago), step_id=state.step_id)
        store.report_evidence([make_sample("gone", at=long_ago), make_sample("here"), silent_in_this_step])
        store.commit_rollout(make_change(state), expected_revision=1, audit=make_event())
        assert [sample.replica for sample in store.evidence("p.v1")] == ["here", "silent"]


class TestAudit:
    def test_records_form_a_chain_that_ends_at_the_head(self, store: Store, other: Store) -> None:
        for number in range(1, 6):
            record = (store if number % 2 else other).append_audit(make_event(f"a.{number}"), at=AT)
            assert record.seq == number
        assert list(verify_chain(other.audit_lines(), head=other.audit_head())) == []
        assert len(list(other.audit_lines())) == 5
        assert [record.event.action for record in other.audit_tail(limit=2)] == ["a.5", "a.4"]

    def test_a_long_chain_is_read_whole(self, store: Store) -> None:
        with store.rehearsal():
            for _ in range(2_500):
                store.append_audit(make_event(), at=AT)
            assert list(verify_chain(store.audit_lines(), head=store.audit_head())) == []
            assert sum(1 for _ in store.audit_lines()) == 2_500

    def test_an_outcome_names_the_intent_it_came_of(self, store: Store) -> None:
        token = current_intent.set(17)
        try:
            record = store.append_audit(make_event(), at=AT)
        finally:
            current_intent.reset(token)
        assert record.event.intent == 17
        assert store.append_audit(make_event(), at=AT).event.intent is None


class TestActors:
    def test_an_actor_keeps_a_pseudonym_that_only_the_store_can_resolve(self, store: Store, other: Store) -> None:
        known_as = store.pseudonym("A Person")
        assert "Person" not in known_as
        assert other.pseudonym("A Person") == known_as
        assert other.actor_name(known_as) == "A Person"

    def test_actors_are_told_apart(self, store: Store) -> None:
        assert store.pseudonym("oncall") != store.pseudonym("second")

    def test_an_unknown_pseudonym_stands_for_itself(self, store: Store) -> None:
        assert store.actor_name("op-ffffffffffff") == "op-ffffffffffff"


class TestVersionToken:
    def test_it_differs_after_every_change_by_anybody(self, store: Store, other: Store) -> None:
        changes: list[Callable[[], object]] = [
            lambda: store.publish(make_ir(), b"", at=AT, audit=make_event()),
            lambda: store.import_set("l", frozenset({"a"}), at=AT, audit=make_event()),
            lambda: store.import_set("m", frozenset({"a"}), at=AT, audit=make_event()),
            lambda: store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event()),
        ]
        tokens = [other.version_token()]
        for change in changes:
            change()
            tokens.append(other.version_token())
            assert store.version_token() == tokens[-1]
        assert len(set(tokens)) == len(tokens)

    def test_evidence_and_audit_do_not_make_anybody_look_again(self, store: Store, other: Store) -> None:
        store.append_audit(make_event(), at=AT)
        token = other.version_token()
        store.append_audit(make_event(), at=AT)
        store.report_evidence([make_sample()])
        store.pseudonym("oncall")
        assert other.version_token() == token


class TestRehearsal:
    def test_everything_works_inside_and_nothing_is_left(self, store: Store, other: Store) -> None:
        store.publish(make_ir("old.v1"), b"", at=AT, audit=make_event())
        token, head = store.version_token(), store.audit_head()
        with store.rehearsal():
            store.publish(make_ir(), b"", at=AT, audit=make_event())
            root = store.import_set("l", frozenset({"a"}), at=AT, audit=make_event()).root
            store.commit_rollout(make_change(first_state()), expected_revision=None, audit=make_event())
            store.report_evidence([make_sample()])
            known_as = store.pseudonym("oncall")
            assert store.policy("p.v1") == make_ir()
            assert store.reference_set(root) == frozenset({"a"})
            assert store.rollout("p.v1") == first_state()
            assert store.evidence("p.v1") == [make_sample()]
            assert store.audit_head().seq == head.seq + 3
            assert other.audit_head() == head
        for each in (store, other):
            assert (each.version_token(), each.audit_head()) == (token, head)
            assert [entry.policy_id for entry in each.policies()] == ["old.v1"]
            assert (each.reference_sets(), each.rollouts(), each.evidence("p.v1")) == ([], [], [])
            assert each.actor_name(known_as) == known_as

    def test_it_refuses_what_the_real_thing_would_refuse(self, store: Store) -> None:
        store.publish(make_ir(), b"", at=AT, audit=make_event())
        with pytest.raises(Conflict), store.rehearsal():
            store.publish(make_ir(minimum=2), b"", at=AT, audit=make_event())
        store.publish(make_ir("q.v1"), b"", at=AT, audit=make_event())
        assert len(store.policies()) == 2

    def test_a_rehearsal_within_one_undoes_its_own_part(self, store: Store) -> None:
        with store.rehearsal():
            store.append_audit(make_event(), at=AT)
            with store.rehearsal():
                store.append_audit(make_event(), at=AT)
                assert store.audit_head().seq == 2
            assert store.audit_head().seq == 1
        assert store.audit_head().seq == 0

    def test_nobody_waits_for_one_that_has_stored_nothing_yet(self, store: Store, other: Store) -> None:
        other.append_audit(make_event(), at=AT)
        with store.rehearsal():
            assert store.audit_head().seq == 1
            other.append_audit(make_event(), at=AT)
            store.append_audit(make_event(), at=AT)
            assert store.audit_head().seq == 3
        assert store.audit_head().seq == 2
