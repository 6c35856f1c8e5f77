"""The local target with real processes: zero failed requests through every change, and a known state after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.clock import SystemClock
from engine.context import Progress, ignore_progress
from engine.cutover.access import open_access
from engine.cutover.canary import CanaryLimits, CanaryRow, watch_canary
from engine.cutover.canary_sources import ScrapeWatch
from engine.cutover.load import run_load
from engine.cutover.load_report import LoadPlan, LoadReport
from engine.cutover.local.documents import Backend, Found, Wanted
from engine.cutover.local.plan import plan_of
from engine.cutover.local.processes import ProcessRef
from engine.cutover.local.releases import ReleaseLedger, exclusively
from engine.cutover.local.target import LocalTarget
from engine.cutover.smoke import run_smoke
from engine.cutover.target import Phase, Release
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.errors import Conflict, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.settings import Settings
from engine.telemetry.scrape_source import fetch_metrics

CLOCK = SystemClock()


class KilledError(BaseException):
    """Stands for kill -9: nothing of the target's own runs after it."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), env="demo", state_dir=tmp_path / "state")


@pytest.fixture
def target(settings: Settings) -> Iterator[LocalTarget]:
    """A target on a furnished store with 25 % enforced; whatever it starts is ended."""
    with open_context(settings, actor="tester") as ctx:
        furnish(ctx)
        service = service_of(ctx)
        service.start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
        service.set_percent(POLICY_ID, 2500, actor="tester", reason="test", break_glass=True)
    target = LocalTarget(settings, CLOCK, actor="oncall")
    yield target
    target.stop()


@pytest.fixture
def with_canary(tmp_path: Path) -> Release:
    values = tmp_path / "canary.yaml"
    values.write_text("canary: {enabled: true, weight: 25}\n")
    return Release(chart=str(tmp_path), values=(str(values),), timeout_s=60)


@pytest.fixture
def plain(tmp_path: Path) -> Release:
    return Release(chart=str(tmp_path), timeout_s=60)


@pytest.fixture
def broken(tmp_path: Path) -> Release:
    values = tmp_path / "broken.yaml"
    values.write_text("features: {enforce_rollout_percent: 1000}\n")
    return Release(chart=str(tmp_path), values=(str(values),), timeout_s=60)


def killed_at(words: str) -> Callable[[Progress], None]:
    """Kills whoever deploys when it says these words."""

    def emit(progress: Progress) -> None:
        if words in progress.message:
            raise KilledError

    return emit


class UnderLoad:
    """A load that runs while a block does."""

    def __init__(self, target: LocalTarget, settings: Settings, plan: LoadPlan) -> None:
        self._access = open_access(settings, CLOCK, base=target.url, environ={})
        self._plan = plan
        self._thread = threading.Thread(target=self._run)
        self.reports: list[LoadReport] = []

    def _run(self) -> None:
        self.reports.append(run_load(self._access, self._plan, env="demo", clock=CLOCK))

    def __enter__(self) -> UnderLoad:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@pytest.mark.slow
def test_no_request_is_lost_while_a_release_is_deployed_shifted_and_rolled_back(
    target: LocalTarget, settings: Settings, plain: Release, with_canary: Release
) -> None:
    """The user's load, 20 requests a second with enforcement at 25 %, through every change there is."""
    target.apply(plain, ignore_progress)
    assert run_smoke(open_access(settings, CLOCK, base=target.url, environ={}), env="demo", clock=CLOCK).failed == ()
    watched: list[CanaryRow] = []
    with UnderLoad(target, settings, LoadPlan(rps=20, duration_s=12)) as load:
        assert target.apply(with_canary, ignore_progress).answer == "yes"
        source = ScrapeWatch(lambda: {n: fetch_metrics(u) for n, u in target.backend_urls().items()})
        limits = CanaryLimits(for_s=3, patience_s=10, fewest=1)
        watched += watch_canary(source, limits, policy_id=POLICY_ID, clock=CLOCK, interval_s=0.5)
        target.set_canary_percent(50)
        target.rollback("cap", None, ignore_progress)
    report = load.reports[0]
    assert (report.failed, report.due) == (0, 240)
    assert report.answer == "yes", (report.misses, report.doubts)
    assert {"stable-1", "stable-2", "canary-2", "stable-3"} == set(report.backends)
    assert watched[-1].answer == "yes", watched[-1].reasons
    assert set(watched[-1].tracks) == {"all", "stable", "canary"}
    assert [revision.status for revision in target.status().history] == ["deployed", "superseded", "superseded"]


@pytest.mark.slow
def test_a_release_that_does_not_come_up_changes_nothing_for_callers(
    target: LocalTarget, settings: Settings, plain: Release, broken: Release
) -> None:
    target.apply(plain, ignore_progress)
    with (
        UnderLoad(target, settings, LoadPlan(rps=20, duration_s=6)) as load,
        pytest.raises(Refused, match="enforce_rollout_percent"),
    ):
        target.apply(broken, ignore_progress)
    assert (load.reports[0].failed, set(load.reports[0].backends)) == (0, {"stable-1"})
    status = target.status()
    assert (status.phase, [entry.status for entry in status.history]) == (Phase.DEPLOYED, ["failed", "deployed"])
    assert "revision 2 did not come up; revision 1 serves" in status.explanation


@pytest.mark.slow
@pytest.mark.parametrize("words", ["start stable-2", "switch to stable-2", "drain stable-1"])
def test_a_deployment_that_is_killed_is_known_and_gone_on_with(
    target: LocalTarget, settings: Settings, plain: Release, with_canary: Release, words: str
) -> None:
    """Whatever step it was killed at: callers notice nothing, the status says so, and `apply` finishes it."""
    target.apply(plain, ignore_progress)
    with UnderLoad(target, settings, LoadPlan(rps=20, duration_s=6)) as load:
        with pytest.raises(KilledError):
            target.apply(with_canary, killed_at(words))
        between = target.status()
        deployed = target.apply(with_canary, ignore_progress)
    assert (between.phase, between.under_way and between.under_way.actor) == (Phase.INTERRUPTED, "oncall")
    assert (deployed.resumed, deployed.revision, deployed.answer) == (True, 2, "yes")
    assert load.reports[0].failed == 0
    assert target.status().under_way is None


@pytest.mark.slow
def test_after_a_kill_one_can_also_go_back(
    target: LocalTarget, settings: Settings, plain: Release, with_canary: Release
) -> None:
    target.apply(plain, ignore_progress)
    with UnderLoad(target, settings, LoadPlan(rps=20, duration_s=5)) as load:
        with pytest.raises(KilledError):
            target.apply(with_canary, killed_at("drain stable-1"))
        assert target.rollback("cap", None, ignore_progress).answer == "yes"
    assert load.reports[0].failed == 0
    assert [entry.status for entry in target.status().history] == ["deployed", "failed", "superseded"]
    assert target.status().history[0].description == "rollback to 1"


@pytest.mark.slow
def test_a_verifier_that_is_killed_comes_back_and_the_supervisor_too(target: LocalTarget, plain: Release) -> None:
    """Even where somebody has damaged the document that says what is wanted."""
    target.apply(plain, ignore_progress)
    url, found = target.url, Found.read(target.folder)
    verifier, supervisor = found.backends[0].process, found.supervisor
    assert verifier is not None
    assert supervisor is not None
    (target.folder / "wanted.json").write_text("{")
    os.kill(verifier.pid, signal.SIGKILL)
    until(lambda: Found.read(target.folder).backends[0].restarts == 1)
    until(lambda: target.ready_replicas() == 1)
    # A verifier that cannot notice the end of its supervisor is the orphan that the next one must find.
    orphan = Found.read(target.folder).backends[0].process
    assert orphan is not None
    os.kill(orphan.pid, signal.SIGSTOP)
    os.kill(supervisor.pid, signal.SIGKILL)
    until(lambda: not supervisor.is_alive)
    assert (target.url, target.status().phase, target.ready_replicas()) == ("", Phase.FAILED, None)
    os.kill(orphan.pid, signal.SIGCONT)
    assert target.apply(plain, ignore_progress).answer == "yes"
    assert not orphan.is_alive
    assert target.url == url


@pytest.mark.slow
def test_what_was_stopped_leaves_nothing_and_can_be_brought_back(target: LocalTarget, plain: Release) -> None:
    target.apply(plain, ignore_progress)
    assert target.stop() == ("proxy", "stable-1")
    assert (target.status().phase, target.status().resources, target.running()) == (Phase.ABSENT, (), ())
    assert target.rollback("cap", None, ignore_progress).answer == "yes"
    assert target.running() == ("proxy", "stable-2")


def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait for other processes, whose clocks are not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestWithoutProcesses:
    """What is decided before anything is started."""

    def test_nothing_was_deployed(self, target: LocalTarget) -> None:
        status = target.status()
        assert (status.phase, status.revision, status.answer, target.url) == (Phase.ABSENT, 0, "hold", "")

    def test_production_is_refused(self, settings: Settings, plain: Release) -> None:
        production = LocalTarget(replace(settings, env="prod"), CLOCK, actor="oncall")
        with pytest.raises(Held, match="prod is production"):
            production.apply(plain, ignore_progress)

    def test_the_second_operator_is_told(self, target: LocalTarget, plain: Release) -> None:
        with exclusively(target.folder), pytest.raises(Conflict, match="Two people cannot deploy at once"):
            target.apply(plain, ignore_progress)

    def test_a_revision_that_somebody_else_made_is_a_conflict(self, target: LocalTarget, plain: Release) -> None:
        with pytest.raises(Conflict, match="at revision 0, and 3 was expected"):
            target.apply(replace(plain, expected_revision=3), ignore_progress)

    def test_without_history_there_is_no_way_back(self, target: LocalTarget) -> None:
        with pytest.raises(NotFound, match="No earlier revision"):
            target.rollback("cap", None, ignore_progress)
        with pytest.raises(NotFound, match="Revision 7"):
            target.rollback("cap", 7, ignore_progress)

    def test_a_canary_that_does_not_run_gets_no_share(self, target: LocalTarget) -> None:
        with pytest.raises(NotFound):
            target.set_canary_percent(10)
        with pytest.raises(InvalidInput):
            target.set_canary_percent(101)

    def test_a_damaged_history_is_said_and_not_overwritten(self, target: LocalTarget, plain: Release) -> None:
        target.folder.mkdir(parents=True)
        (target.folder / "releases.json").write_text("{")
        with pytest.raises(Unavailable, match="damaged"):
            target.apply(plain, ignore_progress)
        assert (target.folder / "releases.json").read_text() == "{"
        (target.folder / "releases.json").unlink()

    def test_documents_come_back_as_they_were_written(self, tmp_path: Path) -> None:
        wanted = Wanted(3, (Backend("stable", 1, 75, environ={"CAPCTL_X": "1"}), Backend("canary", 1, 25)))
        wanted.write(tmp_path)
        assert Wanted.read(tmp_path) == wanted
        found = Found(ProcessRef(1, "x"), "http://127.0.0.1:1", 3)
        found.write(tmp_path)
        assert Found.read(tmp_path) == found
        assert ReleaseLedger.read(tmp_path).revisions == ()

    @pytest.mark.parametrize("content", ["canary: {enabled: true, weight: 100}", "canary: {enabled: true, weight: x}"])
    def test_an_impossible_share_is_refused(self, tmp_path: Path, content: str) -> None:
        values = tmp_path / "v.yaml"
        values.write_text(content)
        with pytest.raises(InvalidInput, match=r"canary\.weight"):
            plan_of(Release(chart=str(tmp_path), values=(str(values),)))

    @pytest.mark.parametrize("content", ["- a list", "a: [", "\x00"])
    def test_values_that_are_none_are_refused(self, tmp_path: Path, content: str) -> None:
        values = tmp_path / "v.yaml"
        values.write_text(content)
        with pytest.raises(InvalidInput, match=r"v\.yaml"):
            plan_of(Release(chart=str(tmp_path), values=(str(values),)))

    def test_the_shipped_chart_means_one_stable_verifier(self) -> None:
        chart = Path(__file__).parents[3] / "helm"
        plan = plan_of(Release(chart=str(chart)))
        assert [backend.name for backend in plan.backends(1)] == ["stable-1"]
        assert plan.environ["CAPCTL_ENFORCE_ENABLED"] == "true"


class TestProcesses:
    """A process id alone names nobody."""

    def test_a_process_is_known_until_it_ends_reaped_or_not(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        known = ProcessRef.of(process.pid)
        assert known is not None
        assert known.is_alive
        known.end()
        assert not known.is_alive
        process.communicate()
        assert ProcessRef.of(process.pid) is None

    def test_one_that_does_not_listen_is_killed(self) -> None:
        code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        known = ProcessRef.of(process.pid)
        assert known is not None
        known.end(within_s=0.1)
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    def test_a_stranger_with_the_same_number_is_left_alone(self) -> None:
        me = ProcessRef.of(os.getpid())
        assert me is not None
        stranger = replace(me, started=me.started + "0")
        assert not stranger.is_alive
        stranger.end()
