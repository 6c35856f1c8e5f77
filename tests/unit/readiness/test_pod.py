"""A signature in a pod: the release says what it was made of, and is compared with what was signed elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.context import EngineContext
from engine.errors import Held
from engine.ops import reviewing
from engine.readiness.build import CHART, Build, read_build
from tests.unit.readiness.signed_world import complete, open_again, open_prod, promote

IMAGE = "registry.example/cap@sha256:" + "1" * 64
OTHER_IMAGE = "registry.example/cap@sha256:" + "2" * 64

InPod = Callable[..., EngineContext]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineContext]:
    """The tech lead's machine, with the chart in the working directory."""
    chart = tmp_path / "checkout" / "helm"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: cap\nappVersion: '1'\n")
    (chart / "values.yaml").write_text("image: {repository: registry.example/cap}\n")
    (chart / "values-prod.yaml").write_text(f"image: {{digest: 'sha256:{'1' * 64}'}}\n")
    monkeypatch.setenv("CAPCTL_KEY_PASSPHRASE", "for-tests")
    monkeypatch.chdir(chart.parent)
    with open_prod(tmp_path / "state") as ctx:
        yield ctx


@pytest.fixture
def signed(checkout: EngineContext, tmp_path: Path) -> Build:
    """What the tech lead has signed for."""
    complete(checkout, tmp_path)
    reviewing.sign_review(checkout, 7)
    return read_build(Build(), CHART, checkout.env)


@pytest.fixture
def in_pod(checkout: EngineContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InPod:
    """Opens the same registry where there is no chart, as a release that says something of itself."""

    def open_pod(*, chart: str = "", image: str = "") -> EngineContext:
        (tmp_path / "pod").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "pod")
        return open_again(checkout.settings.state_dir, checkout.clock, release_chart=chart, release_image=image)

    return open_pod


def test_a_pod_of_what_was_signed_goes_forward(signed: Build, in_pod: InPod) -> None:
    with in_pod(chart=signed.chart, image=signed.image) as pod:
        promote(pod)
        assert reviewing.verify_signature(pod, "").answer == "yes"


def test_a_pod_of_another_chart_is_held_with_both_digests(signed: Build, in_pod: InPod) -> None:
    other = "sha3-256:" + "9" * 64
    with (
        in_pod(chart=other, image=IMAGE) as pod,
        pytest.raises(Held, match=f"the chart is {other} and was {signed.chart}"),
    ):
        promote(pod)


def test_a_pod_of_another_image_is_held_with_both_references(signed: Build, in_pod: InPod) -> None:
    said = f"the image is {OTHER_IMAGE} and was {IMAGE}"
    with in_pod(chart=signed.chart, image=OTHER_IMAGE) as pod, pytest.raises(Held, match=said):
        promote(pod)


def test_a_release_that_does_not_say_its_chart_is_held_with_what_to_do(signed: Build, in_pod: InPod) -> None:
    """Helm upgrade by hand, without what `capctl deploy` adds."""
    with in_pod(image=IMAGE) as pod, pytest.raises(Held) as refusal:
        promote(pod)
    assert f"the chart is unknown and was {signed.chart}" in refusal.value.message
    assert "`capctl deploy apply`" in refusal.value.message


def test_nobody_signs_for_a_release_that_does_not_say_its_chart(
    checkout: EngineContext, in_pod: InPod, tmp_path: Path
) -> None:
    complete(checkout, tmp_path)
    with in_pod(image=IMAGE) as pod, pytest.raises(Held) as refusal:
        reviewing.sign_review(pod, 7)
    assert refusal.value.code == "orr.chart_unknown"
    assert "`capctl deploy apply`" in refusal.value.hint


@pytest.mark.usefixtures("signed")
def test_a_pod_that_says_nothing_at_all_is_held(in_pod: InPod) -> None:
    with in_pod() as pod, pytest.raises(Held, match="the chart is unknown and was sha3-256:"):
        promote(pod)


def test_what_is_signed_in_the_pod_holds_on_the_tech_leads_machine(
    checkout: EngineContext, in_pod: InPod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both name the same chart, wherever they read it."""
    build = read_build(Build(), CHART, checkout.env)
    complete(checkout, tmp_path)
    with in_pod(chart=build.chart, image=build.image) as pod:
        reviewing.sign_review(pod, 7)
    monkeypatch.chdir(tmp_path / "checkout")
    promote(checkout)


@pytest.mark.usefixtures("signed")
def test_a_changed_chart_says_what_changed(checkout: EngineContext) -> None:
    Path("helm/values.yaml").write_text("image: {repository: registry.example/other}\n")
    shown = reviewing.verify_signature(checkout, "")
    assert [text.partition(" is ")[0] for text in shown.signature.objections] == ["the image", "the chart"]
