"""The chart as real helm renders it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
ENVIRONMENTS = ("dev", "stage", "prod")
Object = dict[str, Any]
FRACTION = re.compile(r"=-?\d+\.\d+$")


@pytest.fixture(scope="session")
def helm_home(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which helm writes nothing outside of a temporary folder and knows no cluster."""
    home = str(tmp_path_factory.mktemp("helm"))
    return {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": f"{home}/none"}


def program(name: str) -> str:
    """Path of a program that `make tools` brings."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed: make tools")
    return found


Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def helm(helm_home: Mapping[str, str]) -> Helm:
    """Runs helm in the checkout."""

    def run(*arguments: str, binary: str = "helm") -> subprocess.CompletedProcess[str]:
        command = [program(binary), *arguments]
        return subprocess.run(
            command, check=False, cwd=ROOT, env=dict(helm_home), capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture(scope="session")
def render(helm: Helm) -> Callable[..., list[Object]]:
    """Renders the chart for an environment, with further values, as parsed objects."""

    def render_with(env: str, *values: str, binary: str = "helm") -> list[Object]:
        done = helm("template", "cap", "helm/", "-n", "cap", *values_of(env, values), binary=binary)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return render_with


def values_of(env: str, values: Sequence[str] = ()) -> list[str]:
    """The arguments that choose an environment's values file and set more."""
    # To --set a number with a fraction is a string.
    more = (("--set-json" if FRACTION.search(value) else "--set", value) for value in values)
    return ["-f", f"helm/values-{env}.yaml", *(part for pair in more for part in pair)]


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """Objects of one kind."""
    return [found for found in objects if found["kind"] == kind]


def pod_specs(objects: Sequence[Object]) -> list[Object]:
    """The specification of every pod that the objects would make."""
    specs = [found["spec"] for found in of_kind(objects, "Pod")]
    specs += [found["spec"]["template"]["spec"] for found in of_kind(objects, "Deployment")]
    jobs = of_kind(objects, "CronJob")
    return specs + [found["spec"]["jobTemplate"]["spec"]["template"]["spec"] for found in jobs]


def containers_of(spec: Object) -> list[Object]:
    """Every container of a pod, those that run before it included."""
    return [*spec.get("initContainers", []), *spec["containers"]]


EVERYTHING = (
    "canary.enabled=true",
    f"canary.image.digest=sha256:{'1' * 64}",
    "backup.enabled=true",
    "backup.claim=cap-backups",
    f"backup.recipients={{age1{'q' * 58},age1{'p' * 58}}}",
    "mtls.mode=required",
)
"""Turns on all that production can have."""
