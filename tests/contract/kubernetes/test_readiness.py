"""What the readiness review sees of a cluster, through the real kubectl: healthy, unhealthy, and not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.cutover.kubernetes import KubernetesTarget
from engine.cutover.target import OnFailure, Release
from engine.errors import Refused
from engine.readiness import load_checklist
from engine.readiness.items import Probe
from engine.readiness.observers.objects import chart_observer, cluster_observer
from engine.readiness.probing import run_probes
from engine.readiness.review import Answer, Finding
from tests.contract.kubernetes.api import Cluster
from tests.contract.kubernetes.conftest import Heard, tool

MakeRelease = Callable[..., Release]
AUTOSCALER, PODS = "infra.autoscaling-live", "infra.rolled-out"


@dataclass
class Review:
    """Asks the shipped items that look into the cluster."""

    namespace: str = "cap"
    context: str = ""

    def findings(self) -> Mapping[str, Finding]:
        observe = cluster_observer(kubectl=tool("kubectl"), namespace=self.namespace, context=self.context)
        items = [
            item for item in load_checklist().items if isinstance(item.check, Probe) and item.check.kind == "cluster"
        ]
        return run_probes(items, {"cluster": observe}, ManualClock(), emit=lambda _: None)

    def answers(self) -> Mapping[str, Answer]:
        return {item: finding.answer for item, finding in self.findings().items()}


@pytest.fixture
def review(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Review:
    for name in ("KUBECONFIG", "HOME"):
        monkeypatch.setenv(name, environ[name])
    return Review()


def test_a_healthy_release_meets_every_item(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    target.apply(release(), heard)
    assert review.answers() == {AUTOSCALER: Answer.PASSED, PODS: Answer.PASSED}


def test_a_cluster_in_which_nothing_is_deployed_meets_none(review: Review) -> None:
    """Where no pod is wanted none is unready, and that is no yes."""
    findings = review.findings()
    assert {finding.answer for finding in findings.values()} == {Answer.UNKNOWN}
    assert findings[PODS].detail == "There is no Deployment in the cluster"


@pytest.mark.slow
def test_pods_that_never_become_ready_are_found(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    with pytest.raises(Refused):
        target.apply(release("slow", on_failure=OnFailure.KEEP), heard)
    found = review.findings()[PODS]
    assert found.answer is Answer.FAILED
    assert "status.unavailableReplicas: " in found.detail


@pytest.mark.slow
def test_an_autoscaler_that_is_blind_is_found(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    """It has a status and no metric in it: it looks installed, and never scales."""
    cluster.controllers.metrics = False
    assert target.apply(release(), heard).answer == "hold"
    assert review.answers()[AUTOSCALER] is Answer.FAILED


def test_one_blind_autoscaler_among_others_is_found(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    """What one of them sees does not speak for the other."""
    target.apply(release(), heard)
    other = {"minReplicas": 1, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "nothing"}}
    metadata = {"name": "other", "namespace": "cap", "uid": "other"}
    cluster.objects.put(
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": other}
    )
    assert review.answers()[AUTOSCALER] is Answer.FAILED


def test_what_may_not_be_looked_at_is_unknown(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    """Without the right to list, with credentials that have run out, and of a context that is none."""
    target.apply(release(), heard)
    cluster.forbidden.add(("list", "deployments.apps"))
    assert review.answers() == {AUTOSCALER: Answer.PASSED, PODS: Answer.UNKNOWN}
    cluster.knows_caller = False
    assert set(review.answers().values()) == {Answer.UNKNOWN}
    cluster.knows_caller = True
    review.context = "another"
    assert set(review.answers().values()) == {Answer.UNKNOWN}


def test_a_cluster_that_does_not_answer_is_unknown_and_says_nothing_of_its_address(
    review: Review, cluster: Cluster
) -> None:
    cluster.losses.extend([lambda *_: True] * 50)
    for finding in review.findings().values():
        assert finding.answer is Answer.UNKNOWN
        assert "127.0.0.1" not in finding.detail


def test_a_look_changes_nothing(
    review: Review, target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    target.apply(release(), heard)
    cluster.requests.clear()
    review.findings()
    assert {method for method, _ in cluster.requests} == {"GET"}


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ({"kind": "HorizontalPodAutoscaler", "path": "spec.maxReplicas"}, True),
        ({"kind": "Deployment", "path": "spec.no.such.place"}, False),
        ({"kind": "DaemonSet", "path": "spec"}, None),
    ],
)
def test_a_chart_is_seen_as_it_would_be_made(arguments: dict[str, Any], values: bool | None) -> None:
    """A value; a place where the object says nothing; no such object."""
    chart = Path(__file__).parent / "chart"
    observed = chart_observer(chart, [], helm=tool("helm"), namespace="cap")(arguments)
    assert [value is not None for value in observed.values] == ([] if values is None else [values])
