"""A fake cluster, the real tools, and a target that deploys with them without waiting for the clock."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import ManualClock, SystemClock
from engine.context import Progress
from engine.cutover.kubernetes import KubernetesTarget
from engine.cutover.target import Release
from engine.settings import Settings
from tests.contract.kubernetes.api import Cluster

CHART = Path(__file__).parent / "chart"
MakeTarget = Callable[..., KubernetesTarget]


def tool(name: str) -> str:
    """A program that `make tools` brings, or of this machine."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed: make tools")
    return path


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster("cap") as cluster:
        yield cluster


@pytest.fixture
def environ(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """Where helm and kubectl find the fake cluster, and keep their own files."""
    folders = {f"HELM_{name}_HOME": str(tmp_path / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
    return {**folders, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", helm=tool("helm"), kubectl=tool("kubectl"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())  # helm stamps revisions with the machine's own time


@pytest.fixture
def make_target(settings: Settings, clock: ManualClock, environ: dict[str, str]) -> MakeTarget:
    """A target with other settings than the test's own."""

    def make(**change: str) -> KubernetesTarget:
        changed = replace(settings, **change)  # type: ignore[arg-type]
        return KubernetesTarget(changed, clock, actor="oncall", environ=environ, sleep=clock.advance)

    return make


@pytest.fixture
def target(make_target: MakeTarget) -> KubernetesTarget:
    return make_target()


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Release]:
    """A release of the test's chart with these values on top; helm really waits for what does not come up."""

    def make(image: str = "1", *, values: str = "", timeout_s: int | None = None, **wanted: object) -> Release:
        timeout_s = timeout_s or (60 if image.isdecimal() else 1)
        file = tmp_path / f"{image}.yaml"
        file.write_text(f"image: registry.invalid/app:{image}\n{values}", "utf-8")
        return Release(chart=str(CHART), values=(str(file),), timeout_s=timeout_s, **wanted)  # type: ignore[arg-type]

    return make


class Heard(list[Progress]):
    """What a change told while it was made."""

    def __call__(self, progress: Progress) -> None:
        self.append(progress)

    @property
    def output(self) -> list[str]:
        """The lines of the tools."""
        return [progress.output for progress in self if progress.output]


@pytest.fixture
def heard() -> Heard:
    return Heard()
