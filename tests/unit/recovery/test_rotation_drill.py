"""A rotation drill drives the real verifier on a copy, and leaves the original as it was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from engine.audit import read_record
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext, Progress
from engine.demo.seed import furnish
from engine.errors import Held, Refused
from engine.ops import keyring
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.recovery import RotationReport, drill_rotation
from engine.recovery.rotation_drill import REPORT_TYPE, OldKey, RotationStep
from engine.recovery.rotation_traffic import Caller
from engine.settings import Settings
from engine.trust.custody import custody_of
from engine.trust.dsse import unseal
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry


@pytest.fixture
def live(tmp_path: Path) -> Iterator[EngineContext]:
    """A registry with policies and every key."""
    with open_context(replace(Settings(), env="dev", state_dir=tmp_path / "state"), actor="oncall") as ctx:
        furnish(ctx)
        keyring.initialise(ctx, None)
        yield ctx


def files_of(ctx: EngineContext) -> dict[str, bytes]:
    """The key files of an environment."""
    return {path.name: path.read_bytes() for path in (ctx.settings.state_dir / "keys").iterdir()}


@pytest.mark.slow
def test_a_drill_rotates_a_copy_under_traffic_and_nobody_notices(
    live: EngineContext, record_property: Callable[[str, object], None]
) -> None:
    """Both keys signed, no verification failed, the old key ended when it was said to, the original did not change."""
    told: list[Progress] = []
    live.emit = told.append
    keys, rings = files_of(live), [bytes(ring) for ring in live.store.keyrings()]
    result = run(REGISTRY["drill.rotation"], live)
    report = result.report
    assert (report.answer, report.failed, report.problems) == ("yes", 0, ())
    assert report.verified_old > 0
    assert report.verified_new > 0
    assert report.old_key.is_right
    assert (files_of(live), [bytes(ring) for ring in live.store.keyrings()]) == (keys, rings)
    steps = ["copy", "start", "prepare", "dual-accept", "switch", "decommission", "old key's end"]
    assert [step.name for step in report.steps] == steps == list(dict.fromkeys(progress.step for progress in told))
    key = custody_of(live).signer(KeyPurpose.BACKUP).public_key
    assert json.loads(unseal(result.document, REPORT_TYPE, {key.kid: key}).payload) == report.to_json()
    assert [path.name for path in live.settings.state_dir.iterdir() if ".drill" in path.name] == []
    actions = [read_record(line).event.action for line in live.store.audit_lines_back()]
    assert not any(action.startswith("keys.") and action != "keys.init" for action in actions)
    counted = (
        f"{report.verified_old + report.verified_new} verifications, {report.old_key.refused_after} of the old key"
    )
    record_property("tried", f"{counted} after its end")


def test_a_key_that_a_copy_would_share_is_not_rehearsed_with(
    live: EngineContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decommissioning destroys the old key where it lies; in a module that is the original's."""
    custody = custody_of(live)
    ring = custody.keyring()
    assert ring is not None
    elsewhere = replace(ring, keys=tuple(_in_a_module(key) for key in ring.keys))
    monkeypatch.setattr("engine.trust.custody.Custody.keyring", lambda _: elsewhere)
    with pytest.raises(Held) as held:
        drill_rotation(live)
    assert held.value.code == "recovery.shared_keys"


def _in_a_module(key: KeyEntry) -> KeyEntry:
    return replace(key, backend_ref="pkcs11:token=t;id=%01") if key.purpose is KeyPurpose.RESPONSE else key


def test_without_a_response_key_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    with open_context(replace(Settings(), env="dev", state_dir=tmp_path / "state"), actor="oncall") as ctx:
        furnish(ctx)
        with pytest.raises(Held, match="no response key") as held:
            drill_rotation(ctx)
    assert "keys init" in held.value.hint


def test_without_a_policy_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with open_context(replace(Settings(), env="dev", state_dir=tmp_path / "state"), actor="oncall") as ctx:
        keyring.initialise(ctx, None)
        with pytest.raises(Refused) as refused:
            drill_rotation(ctx)
    assert refused.value.code == "recovery.no_policies"


def test_a_rotation_under_way_is_not_rehearsed_over(live: EngineContext) -> None:
    """The copy would begin in its middle; the next step of the real one is named."""
    keyring.prepare(live, "response", "file")
    with pytest.raises(Held) as held:
        drill_rotation(live)
    assert held.value.code == "keys.wrong_phase"


def report_of(**changed: Any) -> RotationReport:
    """A drill that passed, but for what is changed."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    steps = (RotationStep("copy", 1),)
    passed = RotationReport("dev", moment, 1, "old", "new", moment, 5, 5, 0, (), OldKey(3, 0, 0, 3), steps)
    return replace(passed, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"failed": 1},
        {"verified_old": 0},
        {"verified_new": 0},
        {"old_key": OldKey(3, 1, 0, 3)},
        {"old_key": OldKey(3, 0, 1, 3)},
        {"old_key": OldKey(0, 0, 0, 3)},
        {"old_key": OldKey(3, 0, 0, 0)},
    ],
)
def test_a_drill_passes_only_when_everything_was_seen_to_hold(changed: dict[str, Any]) -> None:
    """One caller refused, a key that never signed, an old key that ended early, late or was not tried."""
    assert report_of().answer == "yes"
    assert report_of(**changed).answer == "no"


def test_a_caller_counts_what_it_cannot_believe() -> None:
    """An answer that is no 200, and a result that nobody signed."""
    answers = cycle([httpx.Response(503), httpx.Response(200, json={"result": {"kid": "k"}})])
    both_came = Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/.well-known"):
            return httpx.Response(200, json={"keys": []})
        if caller.calls.failed >= 2:
            both_came.set()
        return next(answers)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://verifier") as client:
        caller = Caller(client, "lksg.v1", ManualClock())
        with caller:
            assert both_came.wait(10)
    assert set(caller.calls.problems) == {"status 503", "trust.not_signed"}
    assert caller.calls.accepted == Counter()


def test_a_failed_drill_is_not_done(live: EngineContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail says that it was carried out and what it answered, so no review takes it for a rehearsal."""
    from engine.readiness.observers.house import trail_observer

    observe = trail_observer(live.store, live.clock)
    rehearsed = {"action": "drill.rotation", "within_days": 1}
    for report, seen in [(report_of(failed=1), 0), (report_of(), 1)]:
        monkeypatch.setattr("engine.recovery.rotation_drill.drill_rotation", lambda _, found=report: found)
        monkeypatch.setattr("engine.recovery.drill_rotation", lambda _, found=report: found, raising=False)
        run(REGISTRY["drill.rotation"], live)
        assert len(observe(rehearsed).values) == seen
