"""Sudden deaths: whoever deploys is killed at each step's boundary, and whoever comes after knows what to do.

The API server stops the request at which the death is wanted, so that every run dies at exactly the same place.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.contract.kubernetes.api import Cluster, Hold
from tests.contract.kubernetes.catalogue import by_kind
from tests.contract.kubernetes.conftest import CHART, tool

pytestmark = [pytest.mark.slow, pytest.mark.crash]

WAIT_S = 30.0


class Console:
    """`capctl deploy` as a process of its own, which can be killed, with the helm that it started."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin `capctl deploy WORDS`."""
        process = subprocess.Popen(
            [sys.executable, "-m", "capctl", "deploy", *words, "--output", "json"],
            env=self._environ,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *words: str) -> Answer:
        """`capctl deploy WORDS` to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=WAIT_S)
        return Answer(process.returncode, json.loads(out), err)

    def apply(self, image: str) -> tuple[str, ...]:
        """The words that deploy an image."""
        file = self._folder / f"{image}.yaml"
        file.write_text(f"image: registry.invalid/app:{image}\n", "utf-8")
        return ("apply", "--chart", str(CHART), "-f", str(file), "--timeout", "60s" if image.isdecimal() else "1s")

    def close(self) -> None:
        """End what still runs; by pid."""
        for process in self._started:
            kill(helm_of(process))
            kill(process.pid)
            process.communicate()


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    data: Any
    err: str


def helm_of(process: subprocess.Popen[str]) -> int | None:
    """The helm that a process started."""
    with suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
        return next((int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text("ascii") == "helm\n"), None)
    return None


def kill(pid: int | None) -> None:
    """SIGKILL, if it is still there."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def reach(hold: Hold) -> None:
    assert hold.reached.wait(WAIT_S), "the request at which the death was wanted never came"


def release(cluster: Cluster, hold: Hold) -> None:
    hold.released.set()
    cluster.holds.remove(hold)


@pytest.fixture
def console(cluster: Cluster, environ: dict[str, str], tmp_path: Path) -> Iterator[Console]:
    cluster.controllers.blind_looks = 0
    own = {"XDG_STATE_HOME": str(tmp_path / "state"), "CAPCTL_ACTOR": "oncall"}
    tools = {"CAPCTL_HELM": tool("helm"), "CAPCTL_KUBECTL": tool("kubectl")}
    console = Console({**environ, **own, **tools, "PYTHONPATH": str(Path(__file__).parents[3])}, tmp_path)
    yield console
    console.close()


def assert_served(cluster: Cluster, image: str) -> None:
    """The image runs, three times and ready."""
    deployment = cluster.objects.get(by_kind("Deployment"), "cap", "cap")
    assert deployment is not None
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == f"registry.invalid/app:{image}"
    assert deployment["status"]["readyReplicas"] == 3


def assert_explained(console: Console, phase: str, explanation: str, way_out: str) -> None:
    """`deploy status` says what happened and what leads on."""
    status = console.run("status").data
    assert (status["phase"], status["way_out"]) == (phase, way_out)
    assert explanation in status["explanation"]


Part = Callable[[str, str], bool]
FIRST_RECORD: Part = lambda method, path: method == "POST" and path.split("?")[0].endswith("/cap/secrets")  # noqa: E731
FIRST_OBJECT: Part = lambda method, path: method == "POST" and "/deployments" in path  # noqa: E731


@pytest.mark.parametrize(
    ("place", "phase", "explanation"),
    [
        (FIRST_RECORD, "interrupted", "was cut off at upgrade; helm had changed nothing yet"),
        (FIRST_OBJECT, "interrupted", "Revision 1 is pending-install since"),
    ],
    ids=["before helm records it", "while helm installs"],
)
def test_a_first_installation_that_dies(
    console: Console, cluster: Cluster, place: Part, phase: str, explanation: str
) -> None:
    """Nothing, or a pending installation: either way applying again installs."""
    hold = Hold(place)
    cluster.holds.append(hold)
    process = console.start(*console.apply("1"))
    reach(hold)
    helm = helm_of(process)
    kill(process.pid)
    kill(helm)
    release_dead(cluster, hold, process)
    assert_explained(console, phase, explanation, "capctl deploy apply")
    answer = console.run(*console.apply("1"))
    assert answer.code == 0, answer.err
    assert_served(cluster, "1")


def release_dead(cluster: Cluster, hold: Hold, process: subprocess.Popen[str]) -> None:
    """Let the server go on once the dead are gone; a request that was stopped before its effect has none."""
    process.communicate()
    hold.drops = True
    release(cluster, hold)


def test_an_upgrade_that_dies_with_its_helm_is_recovered(console: Console, cluster: Cluster) -> None:
    """The release is pending; status offers the way back, and applying goes on by itself."""
    assert console.run(*console.apply("1")).code == 0
    die_upgrading(console, cluster)
    assert_explained(console, "interrupted", "apply by oncall was cut off at upgrade", "capctl deploy rollback 1")
    answer = console.run(*console.apply("2"))
    assert (answer.code, answer.data["resumed"], answer.data["status"]["ready"]) == (0, True, True)
    assert_served(cluster, "2")


def test_an_upgrade_that_dies_with_its_helm_can_be_taken_back(console: Console, cluster: Cluster) -> None:
    assert console.run(*console.apply("1")).code == 0
    die_upgrading(console, cluster)
    answer = console.run("rollback")
    assert answer.code == 0, answer.err
    assert_served(cluster, "1")
    assert_explained(console, "deployed", "Revision 3 is deployed", "")


def test_a_recovery_that_dies_is_recovered(console: Console, cluster: Cluster) -> None:
    """Killed while it led out of a killed upgrade."""
    assert console.run(*console.apply("1")).code == 0
    die_upgrading(console, cluster)
    die_upgrading(console, cluster)
    assert_explained(console, "interrupted", "Revision 3 is pending-rollback", "capctl deploy rollback 1")
    assert console.run(*console.apply("2")).code == 0
    assert_served(cluster, "2")


def die_upgrading(console: Console, cluster: Cluster) -> None:
    """Kill everything when helm has changed the objects, and not yet its own record of them."""
    hold = cluster.hold("PUT", "/secrets/sh.helm.release.v1.cap")
    process = console.start(*console.apply("2"))
    reach(hold)
    helm = helm_of(process)
    kill(process.pid)
    kill(helm)
    release_dead(cluster, hold, process)


def test_helm_outlives_its_console_and_is_waited_for(console: Console, cluster: Cluster) -> None:
    """The lock is helm's as well: a second operator waits for it; afterwards only readiness is left to await."""
    assert console.run(*console.apply("1")).code == 0
    hold = cluster.hold("PATCH", "/deployments/cap")
    process = console.start(*console.apply("2"))
    reach(hold)
    helm = helm_of(process)
    kill(process.pid)
    refused = console.run(*console.apply("2"))
    assert (refused.code, refused.data["error"]["code"]) == (6, "deploy.under_way")
    assert "changed by oncall (apply, upgrade) since" in refused.data["error"]["message"]
    assert_explained(console, "running", "oncall has been at apply since", "")
    release(cluster, hold)
    wait_for_end(helm)
    assert_explained(console, "interrupted", "helm ended as revision 2", "capctl deploy apply")
    answer = console.run(*console.apply("2"))
    assert (answer.code, answer.data["resumed"], answer.data["revision"]) == (0, True, 2)
    assert_served(cluster, "2")


def wait_for_end(pid: int | None) -> None:
    """Until a process of nobody's is gone."""
    assert pid is not None
    descriptor = os.pidfd_open(pid)
    try:
        import select

        assert select.select([descriptor], [], [], WAIT_S)[0]
    finally:
        os.close(descriptor)


def test_helm_dies_and_its_console_goes_back(console: Console, cluster: Cluster) -> None:
    """Killed under our hands, helm leaves the release pending; the policy leads back at once."""
    assert console.run(*console.apply("1")).code == 0
    hold = cluster.hold("PATCH", "/deployments/cap")
    process = console.start(*console.apply("2"))
    reach(hold)
    kill(helm_of(process))
    hold.drops = True
    release(cluster, hold)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3, err
    assert "helm was killed by signal 9; revision 1 serves again" in json.loads(out)["error"]["message"]
    assert_served(cluster, "1")


def test_dying_while_readiness_is_awaited_loses_nothing(console: Console, cluster: Cluster, tmp_path: Path) -> None:
    """When helm has ended, applying again deploys no second time, and awaits what was left to await."""
    records = tmp_path / "state" / "capctl" / "deploy"
    hold = Hold(lambda *_: any('"step": "ready"' in file.read_text("utf-8") for file in records.glob("*.json")))
    cluster.holds.append(hold)
    process = console.start(*console.apply("1"))
    reach(hold)
    kill(process.pid)
    release_dead(cluster, hold, process)
    assert_explained(console, "interrupted", "was cut off at ready; helm ended as revision 1", "capctl deploy apply")
    answer = console.run(*console.apply("1"))
    assert (answer.code, answer.data["resumed"], answer.data["revision"]) == (0, True, 1)
    assert_served(cluster, "1")


def test_dying_while_going_back_after_a_failure(console: Console, cluster: Cluster) -> None:
    """A failed upgrade, killed while the policy led back: what comes next is deployed over it."""
    assert console.run(*console.apply("1")).code == 0
    rolling_back = iter(range(2))
    hold = Hold(lambda method, path: method == "PATCH" and "/deployments/cap" in path and next(rolling_back, 1) == 1)
    cluster.holds.append(hold)
    process = console.start(*console.apply("crash"))
    reach(hold)
    helm = helm_of(process)
    kill(process.pid)
    kill(helm)
    release_dead(cluster, hold, process)
    assert_explained(console, "interrupted", "was cut off at restore", "capctl deploy rollback 1")
    assert console.run(*console.apply("2")).code == 0
    assert_served(cluster, "2")


def test_being_asked_to_end_lets_helm_write_down_what_it_did(console: Console, cluster: Cluster) -> None:
    """A pipeline that is cancelled sends SIGTERM: helm is asked to end, and leaves `failed` rather than pending."""
    assert console.run(*console.apply("1")).code == 0
    hold = cluster.hold("PATCH", "/deployments/cap")
    process = console.start(*console.apply("2"))
    reach(hold)
    process.terminate()
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert "interrupted" in err
    release(cluster, hold)
    assert_explained(console, "failed", "Revision 2 is failed", "capctl deploy rollback")
    assert console.run(*console.apply("2")).code == 0
    assert_served(cluster, "2")
