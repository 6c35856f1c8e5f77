"""What a release says of itself: the chart and the image that were planned, and that a readiness review signs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from engine.clock import ManualClock
from engine.cutover.kubernetes import KubernetesTarget
from engine.cutover.target import Release
from engine.readiness.build import CHART as CHART_HERE
from engine.readiness.build import Build, read_build
from engine.readiness.chart import values_for
from engine.settings import Settings, load_settings
from tests.helm.conftest import CHART, ENVIRONMENTS, ROOT, Helm, Object, containers_of, of_kind, values_of

Render = Callable[..., list[Object]]
DIGEST = "sha3-256:" + "5" * 64


def said_by(objects: list[Object], folder: Path) -> Build:
    """What the verifiers read in their configuration."""
    (found,) = (found for found in of_kind(objects, "ConfigMap") if "capctl.toml" in found["data"])
    file = folder / "capctl.toml"
    file.write_text(found["data"]["capctl.toml"])
    settings = load_settings({}, file, {})
    return Build(settings.release_image, settings.release_chart)


def told_by_deploy(env: str) -> tuple[str, ...]:
    """The words that `capctl deploy` gives helm, from the release on."""
    target = KubernetesTarget(Settings(env=env), ManualClock(), actor="oncall")
    release = Release(values=tuple(str(file) for file in values_for(CHART_HERE, env)))
    return target.commands(release)[0].argv[3:]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_plan_review_and_pod_name_the_same_chart_and_image(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str
) -> None:
    """The command that is planned makes pods that say what the review signs, and that run the image which is signed."""
    monkeypatch.chdir(ROOT)
    reviewed = read_build(Build(), CHART_HERE, env)
    done = helm("template", *told_by_deploy(env))
    assert done.returncode == 0, done.stderr
    objects = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert said_by(objects, tmp_path) == reviewed
    (deployment,) = of_kind(objects, "Deployment")
    images = {container["image"] for container in containers_of(deployment["spec"]["template"]["spec"])}
    assert images == {reviewed.image}


def test_another_chart_is_told_to_the_pods(helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    reviewed = read_build(Build(), CHART_HERE, "prod")
    shutil.copytree(CHART, tmp_path / "helm")
    (tmp_path / "helm" / "values-prod.yaml").write_text((CHART / "values-prod.yaml").read_text() + "# once more\n")
    monkeypatch.chdir(tmp_path)
    done = helm("template", *told_by_deploy("prod"))
    said = said_by([document for document in yaml.safe_load_all(done.stdout) if document], tmp_path)
    assert (said.image, said.chart != reviewed.chart) == (reviewed.image, True)


def test_another_image_is_told_to_the_pods_whoever_set_it(render: Render, tmp_path: Path) -> None:
    digest = "sha256:" + "7" * 64
    assert said_by(render("prod", f"image.digest={digest}"), tmp_path).image == f"ghcr.io/capctl/capctl@{digest}"
    assert said_by(render("dev", "image.tag=rc-1"), tmp_path).image == "ghcr.io/capctl/capctl:rc-1"


def test_helm_by_hand_leaves_the_chart_unsaid(render: Render, tmp_path: Path) -> None:
    """The pods then know their image alone, and hold promotions."""
    said = said_by(render("prod"), tmp_path)
    assert said.chart == ""
    assert said.image


def test_the_notes_of_production_tell_what_is_missing(helm: Helm, tmp_path: Path) -> None:
    """Helm prints notes where there is a cluster only; rendered as part of an object they are the same."""
    chart = tmp_path / "helm"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "NOTES.txt")
    (chart / "templates" / "notes.yaml").write_text('text: |\n  {{- tpl (.Files.Get "NOTES.txt") . | nindent 2 }}\n')

    def notes(*more: str) -> str:
        done = helm("template", "cap", str(chart), *values_of("prod", more), "--show-only", "templates/notes.yaml")
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "SET THIS: release.chart" in notes()
    assert "release.chart" not in notes(f"release.chart={DIGEST}")


def test_another_chart_starts_new_pods(render: Render) -> None:
    """Pods read what they are told once."""
    (before,), (after,) = (
        of_kind(render("prod", *value), "Deployment") for value in ((), (f"release.chart={DIGEST}",))
    )
    assert before["spec"]["template"]["metadata"] != after["spec"]["template"]["metadata"]
