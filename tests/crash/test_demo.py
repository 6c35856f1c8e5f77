"""The demonstration with real processes: it completes, rolls back by itself, and survives kill -9 of any of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.clock import SystemClock
from engine.demo import DemoWorld, run_script
from engine.demo.access import read_sap
from engine.demo.seed import POLICY_ID, demo_plan, service_of
from engine.drift.gate import Answer
from engine.errors import Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.rollout.assessment import assess
from engine.verifier.supervision import Child, module_command

FAST: dict[str, Any] = {"rate": 600.0, "drift_max": 0.05, "hold_s": 0.0}
"""A looser limit and more traffic: 88 clean requests a step, and no hold times."""
PARENT = Path(__file__).with_name("demo_parent.py")


def _until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait for other processes to do something; their clocks are not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _processes_of(state_dir: Path) -> list[int]:
    """Processes that name this state directory on their command line, other than this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if entry.name.isdigit() and int(entry.name) != os.getpid() and str(state_dir).encode() in arguments:
            found.append(int(entry.name))
    return found


def _names(events: list[Any]) -> list[str]:
    return [event.event for event in events if event.event not in ("sample", "gate")]


def test_the_script_goes_to_full_on_evidence_and_says_yes(tmp_path: Path) -> None:
    """0, 25, 100: promoted twice by the steward, never on hope."""
    events = list(run_script(tmp_path / "demo", plan="0,25,100", **FAST))
    assert _names(events) == ["started", "promoted", "promoted", "done"]
    assert [event.data["percent"] for event in events if event.event == "promoted"] == [25, 100]
    assert events[-1].answer == "yes"
    assert all(json.dumps(event.to_json()) for event in events)
    samples = [event.data for event in events if event.event == "sample"]
    assert samples[-1]["error_ratio"] == 0
    assert samples[-1]["n"] >= 88
    assert not _processes_of(tmp_path / "demo")


def test_injected_drift_is_rolled_back_by_itself_and_the_rules_are_named(tmp_path: Path) -> None:
    # A hold time, so that the candidate arrives while 25 % is enforced.
    events = list(run_script(tmp_path / "demo", inject_drift=True, **{**FAST, "hold_s": 3.0}))
    assert _names(events) == ["started", "promoted", "drift_injected", "rolled_back", "done"]
    [rolled_back] = [event for event in events if event.event == "rolled_back"]
    assert rolled_back.data["actor"] == "steward"
    assert "enforced requests drifted" in rolled_back.data["why"]
    assert "R04_audit_within_a_year" in {rule["rule_id"] for rule in rolled_back.data["rules"]}
    assert (events[-1].answer, events[-1].data["percent"]) == ("no", 0)


def test_a_script_that_gets_nowhere_gives_up_with_hold(tmp_path: Path) -> None:
    """No traffic is no evidence: the gate never opens, and the answer is neither yes nor no."""
    events = list(run_script(tmp_path / "demo", rate=0.0, timeout_s=1.5))
    assert (events[-1].event, events[-1].answer, events[-1].data["percent"]) == ("done", "hold", 0)


def test_a_second_world_in_the_same_place_is_refused(tmp_path: Path) -> None:
    with DemoWorld(tmp_path / "demo"), pytest.raises(Unavailable) as refused, DemoWorld(tmp_path / "demo"):
        pass
    assert refused.value.code == "demo.running"


def test_a_port_that_is_taken_is_said_soon_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unavailable) as refused:
        DemoWorld(tmp_path / "demo", port=taken.getsockname()[1]).__enter__()
    assert refused.value.code == "demo.no_verifier"
    assert not _processes_of(tmp_path / "demo")


def test_a_file_where_the_world_should_live_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(Unavailable) as refused:
        DemoWorld(tmp_path / "demo").__enter__()
    assert refused.value.code == "demo.state_dir"


@pytest.mark.crash
def test_a_killed_parent_leaves_no_orphan_and_its_successor_goes_on_where_it_stood(tmp_path: Path) -> None:
    state_dir = tmp_path / "demo"
    # At 25 % the limit of 0.5 % needs 901 enforced requests: time enough to be killed there.
    options = {"rate": 600.0, "drift_max": 0.005, "hold_s": 0.0}
    with subprocess.Popen(
        [sys.executable, str(PARENT), str(state_dir), json.dumps(options)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        for line in parent.stdout:
            event = json.loads(line)
            if event["event"] == "sample" and event["percent"] == 25:
                parent.send_signal(signal.SIGKILL)
                break
    counted = event["n"]
    _until(lambda: not _processes_of(state_dir))
    events = run_script(state_dir, **options)
    first = next(events)
    assert (first.data["percent"], first.data["revision"]) == (25, 2)
    sample = next(event for event in events if event.event == "sample")
    assert sample.data["n"] >= counted
    events.close()
    assert not _processes_of(state_dir)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DemoWorld]:
    with DemoWorld(tmp_path / "demo", plan=demo_plan(drift_max=0.005, hold_s=0), rate=300.0) as world:
        yield world


@pytest.mark.crash
def test_a_killed_verifier_comes_back_at_the_same_place_and_goes_on_counting(world: DemoWorld) -> None:
    service = service_of(world.ctx)
    _until(lambda: service.assess(POLICY_ID).fleet.step.requests > 100)
    killed = world.pids["verifier"]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    counted = service.assess(POLICY_ID).fleet.step.requests
    _until(lambda: world.pids["verifier"] not in (None, killed))
    _until(lambda: _is_ready(world.url))
    _until(lambda: service.assess(POLICY_ID).fleet.step.requests > counted)
    [replica] = service.assess(POLICY_ID).fleet.replicas
    assert (replica.name, replica.current) == ("demo-1", True)


@pytest.mark.crash
def test_a_killed_generator_comes_back(world: DemoWorld) -> None:
    _until(lambda: world.pids["traffic"] is not None)
    killed = world.pids["traffic"]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    _until(lambda: world.pids["traffic"] not in (None, killed))


@pytest.mark.crash
def test_a_pilot_works_out_of_the_box_and_a_killed_sap_comes_back(world: DemoWorld) -> None:
    """Suppliers are pulled from the simulated SAP that any process finds, and written once, kill -9 in between."""
    _until(lambda: bool(read_sap(world.state_dir)))
    url, killed = read_sap(world.state_dir), world.pids["sap"]
    first = run(REGISTRY["pilot.run"], world.ctx, run_id="RUN_1")
    assert first.proof == "50/50 written, 0 duplicates, read back and equal"
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    _until(lambda: world.pids["sap"] not in (None, killed) and read_sap(world.state_dir) == url)
    assert run(REGISTRY["pilot.run"], world.ctx, run_id="RUN_1").created == 0


@pytest.mark.crash
def test_the_simulated_sap_ends_with_the_demonstration(tmp_path: Path) -> None:
    """Neither its process nor its address is left behind, and a pilot then brings its own."""
    with DemoWorld(tmp_path / "demo", plan=demo_plan(hold_s=0), rate=0.0) as world:
        _until(lambda: bool(read_sap(world.state_dir)))
    assert not _processes_of(tmp_path / "demo" / "sap" / "simulator.sqlite")
    assert read_sap(tmp_path / "demo") == ""


def test_the_rate_is_followed_while_running(world: DemoWorld) -> None:
    _until(lambda: world.traffic is not None and 250 < world.traffic.answered_per_s < 350)
    world.set_rate(50)
    _until(lambda: world.traffic is not None and 40 < world.traffic.answered_per_s < 60)
    assert world.rate == 50


def test_a_silent_verifier_is_hold(world: DemoWorld) -> None:
    """What was measured before it fell silent is neither a yes nor a reason to act."""
    service = service_of(world.ctx)
    _until(lambda: service.assess(POLICY_ID).fleet.step.requests > 100)
    state = world.ctx.store.rollout(POLICY_ID)
    assert state is not None
    later = world.ctx.clock.now() + timedelta(seconds=120)
    silent = assess(state, world.ctx.store.evidence(POLICY_ID), later)
    assert silent.report.answer is Answer.HOLD


def test_a_child_that_keeps_dying_is_started_again_with_pauses(tmp_path: Path) -> None:
    child = Child("dying", lambda: [sys.executable, "-c", ""], log_dir=tmp_path, clock=SystemClock())
    child.start()
    _until(lambda: child.restarts >= 2)
    child.stop()
    assert child.pid is None


def test_a_child_that_ignores_everything_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.verifier.supervision.STOP_S", 0.2)
    stubborn = "import signal,time\nsignal.signal(signal.SIGTERM,signal.SIG_IGN)\nprint(1,flush=True)\ntime.sleep(60)"
    lines: list[str] = []
    child = Child(
        "stubborn",
        lambda: [sys.executable, "-c", stubborn],
        log_dir=tmp_path,
        clock=SystemClock(),
        on_line=lines.append,
    )
    child.start()
    _until(lambda: bool(lines))
    child.stop()
    assert child.pid is None


def test_what_a_child_complains_about_is_in_its_log(tmp_path: Path) -> None:
    child = Child("noisy", lambda: module_command("engine.verifier", "--bad"), log_dir=tmp_path, clock=SystemClock())
    child.start()
    _until(lambda: b"usage" in (tmp_path / "noisy.log").read_bytes() if (tmp_path / "noisy.log").exists() else False)
    child.stop()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False
