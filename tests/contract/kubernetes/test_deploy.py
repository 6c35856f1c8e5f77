"""Deploying to a cluster, with the real helm and kubectl against an API server of the project's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.cutover.kubernetes import KubernetesTarget
from engine.cutover.ledger import Entry
from engine.cutover.target import Health, OnFailure, Phase, Release, ReleaseStatus, Resource
from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.readiness.chart import chart_digest
from tests.contract.kubernetes.api import Cluster
from tests.contract.kubernetes.conftest import Heard, MakeTarget, tool

MakeRelease = Callable[..., Release]


def find(status: ReleaseStatus, place: str) -> Resource:
    return next(item for item in status.resources if item.place == place)


def test_the_commands_are_the_cutovers_own(target: KubernetesTarget) -> None:
    """What is shown first is what the documents say, and what is run."""
    upgrade, look = target.commands(Release(values=("helm/values-prod.yaml",)))
    mandated = "helm upgrade --install cap helm/ -f helm/values-prod.yaml --wait --timeout 10m"
    told = f"--set release.chart={chart_digest(Path('helm'), [Path('helm/values-prod.yaml')])}"
    assert upgrade.line == f"{mandated} --namespace cap {told}"
    assert look.line == "kubectl -n cap get deploy,po,svc,ingress,hpa -o json"


def test_a_deployment_is_ready_when_the_autoscaler_has_its_minimum(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    """Helm ends with one ready pod; the HPA asks for three, and only then is it done."""
    result = target.apply(release(), heard)
    assert (result.revision, result.from_revision, result.answer) == (1, 0, "yes")
    assert (find(result.status, "Deployment/cap").ready, find(result.status, "Deployment/cap").desired) == (3, 3)
    told = [(progress.done, progress.total) for progress in heard if progress.step == "Deployment/cap"]
    assert (1, 3) in told
    assert told[-1] == (3, 3)
    assert heard.output[0].startswith("$ helm upgrade --install cap ")
    assert "helm| STATUS: deployed" in heard.output


def test_the_digest_is_the_same_in_the_plan_the_command_and_the_record(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    """One definition, which a readiness review signs too."""
    wanted = release()
    digest = chart_digest(Path(wanted.chart), [Path(file) for file in wanted.values])
    assert target.diff(wanted).chart_digest == digest
    assert target.apply(wanted, heard).chart_digest == digest
    assert heard.output[0].endswith(f" --set release.chart={digest}")


def test_a_plan_changes_nothing(target: KubernetesTarget, release: MakeRelease, cluster: Cluster) -> None:
    """Checking, comparing and looking write nothing: neither in the cluster nor on this machine."""
    wanted = release()
    target.check(wanted)
    target.diff(wanted)
    assert target.status().phase is Phase.ABSENT
    writes = [request for request in cluster.requests if request[0] != "GET" and "accessreviews" not in request[1]]
    assert writes == []
    assert not target._ledger("cap")._record.parent.exists()


@pytest.mark.slow
def test_a_diff_shows_what_changes_and_no_secret(target: KubernetesTarget, release: MakeRelease, heard: Heard) -> None:
    """The image and the limit are shown with both values; the secret made of the limit is only named."""
    target.apply(release(), heard)
    found = {
        (item.resource, item.path): (item.before, item.after)
        for item in target.diff(release("2", values="limit: 5")).differences
    }
    assert found[("Deployment/cap", "spec.template.spec.containers[app].image")] == (
        "registry.invalid/app:1",
        "registry.invalid/app:2",
    )
    assert found[("ConfigMap/cap", "data.limit")] == ("600", "5")
    assert found[("Secret/cap-token", "stringData.token")] == ("(not shown)", "(not shown)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image", "cause"),
    [
        ("crash", "Deployment/cap: its container starts and ends again and again: registry.invalid/app:crash"),
        ("nopull", "Deployment/cap: its image cannot be pulled: registry.invalid/app:nopull (ImagePullBackOff)"),
        ("insecure", 'Deployment/cap: its pods are refused: violates PodSecurity "restricted:latest"'),
        ("quota", "Deployment/cap: its pods are refused: exceeded quota: compute"),
    ],
)
def test_what_does_not_come_up_is_taken_back_and_explained(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, image: str, cause: str
) -> None:
    """Helm says `context deadline exceeded`; the operator is told why, and the old revision serves."""
    target.apply(release(), heard)
    with pytest.raises(Refused) as refused:
        target.apply(release(image), heard)
    assert refused.value.code == "deploy.rolled_back"
    assert f"Revision 2 of cap did not come up: {cause}" in refused.value.message
    assert refused.value.message.endswith("revision 1 serves again")
    status = target.status()
    assert (status.phase, status.revision, status.is_ready) == (Phase.DEPLOYED, 3, True)
    assert [line for line in heard.output if line.startswith(f"cause: {cause}")]


@pytest.mark.slow
def test_it_goes_back_to_the_last_that_served_and_not_to_the_last(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    """After two failures that were kept, helm by itself would go to the first of them."""
    target.apply(release(), heard)
    for image in ("crash", "nopull"):
        with pytest.raises(Refused) as refused:
            target.apply(release(image, on_failure=OnFailure.KEEP), heard)
        assert refused.value.hint == "capctl deploy rollback leads back to revision 1."
    assert (target.status().phase, target.status().answer) == (Phase.FAILED, "no")
    result = target.rollback("cap", None, heard)
    assert "helm rollback cap 1 --wait" in [line for line in heard.output if "rollback" in line][-1]
    assert (result.revision, result.answer) == (4, "yes")


@pytest.mark.slow
def test_going_back_twice_does_not_lead_forward_again(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    """A second rollback goes further back, never to the revision that the first one left."""
    for image in ("1", "2", "3"):
        target.apply(release(image), heard)
    target.rollback("cap", None, heard)
    target.rollback("cap", None, heard)
    assert [line for line in heard.output if line.startswith("$ helm rollback")] == [
        f"$ helm rollback cap {number} --wait --timeout 10m --namespace cap" for number in (2, 1)
    ]
    with pytest.raises(NotFound, match="no older revision"):
        target.rollback("cap", None, heard)


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "code"), [(9, "deploy.no_revision"), (2, "deploy.never_served")])
def test_a_revision_to_go_back_to_must_have_served(
    target: KubernetesTarget,
    release: MakeRelease,
    heard: Heard,
    revision: int,
    code: str,
) -> None:
    target.apply(release(), heard)
    with pytest.raises(Refused):
        target.apply(release("insecure", on_failure=OnFailure.KEEP), heard)
    with pytest.raises(EngineError) as raised:
        target.rollback("cap", revision, heard)
    assert raised.value.code == code


@pytest.mark.slow
def test_a_webhook_that_refuses_is_named_and_what_served_serves(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    target.apply(release(), heard)
    with pytest.raises(Refused) as refused:
        target.apply(release("denied"), heard)
    assert "The admission webhook images.policy.invalid refuses it: not signed" in refused.value.message
    assert target.status().is_ready


@pytest.mark.slow
def test_an_autoscaler_without_metrics_is_a_limitation_after_a_while(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster, clock: ManualClock
) -> None:
    """At first every autoscaler is blind; one that stays blind means hold, and not that nothing was deployed."""
    cluster.controllers.metrics = False
    began = clock.monotonic()
    result = target.apply(release(timeout_s=600), heard)
    scaler = find(result.status, "HorizontalPodAutoscaler/cap")
    assert (scaler.health, result.answer) == (Health.DEGRADED, "hold")
    assert "it has no metrics" in scaler.cause
    assert 60 <= clock.monotonic() - began < 90


def test_what_one_may_not_do_is_said_before_anything_is_done(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    cluster.forbidden = {("create", "deployments.apps"), ("update", "secrets")}
    with pytest.raises(Held, match=r"You may not update secrets, create deployments\.apps in the namespace cap"):
        target.apply(release(), heard)
    assert cluster.objects.all("Secret") == []


def test_expired_credentials(target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster) -> None:
    cluster.knows_caller = False
    with pytest.raises(Unavailable) as raised:
        target.apply(release(), heard)
    assert raised.value.code == "deploy.credentials"


def test_no_cluster(target: KubernetesTarget, release: MakeRelease, environ: dict[str, str]) -> None:
    kubeconfig = Path(environ["KUBECONFIG"])
    document = json.loads(kubeconfig.read_text("utf-8"))
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    kubeconfig.write_text(json.dumps(document), "utf-8")
    with pytest.raises(Unavailable) as raised:
        target.check(release())
    assert raised.value.code == "deploy.no_cluster"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kube_context": "other"}, "deploy.no_context"),
        ({"kube_namespace": "nowhere"}, "deploy.no_namespace"),
        ({"helm": "no-such-helm"}, "deploy.no_tool"),
        ({"env": "prod"}, "deploy.environment"),
    ],
)
def test_wrong_settings_are_found_before_anything_is_done(
    make_target: MakeTarget, release: MakeRelease, change: dict[str, str], code: str
) -> None:
    with pytest.raises(EngineError) as raised:
        make_target(**change).check(release(values="environment: dev"))
    assert raised.value.code == code


def test_production_is_deployed_only_as_production_and_to_a_cluster_that_is_named(
    make_target: MakeTarget, release: MakeRelease
) -> None:
    """The values say that they are production's; the environment must say so too, and which cluster it is."""
    wanted = release(values="environment: prod")
    with pytest.raises(InvalidInput, match="is for prod, and this is dev") as raised:
        make_target().check(wanted)
    assert "--env prod" in raised.value.hint
    with pytest.raises(InvalidInput, match="does not say which cluster it is; the current context is test"):
        make_target(env="prod").check(wanted)
    assert make_target(env="prod", kube_context="test").check(wanted)


def test_an_old_helm_is_refused(make_target: MakeTarget, release: MakeRelease, tmp_path: Path) -> None:
    old = tmp_path / "old-helm"
    old.write_text("#!/bin/sh\necho v3.8.2\n", "utf-8")
    old.chmod(0o755)
    with pytest.raises(Unavailable, match=r"helm is v3\.8\.2") as raised:
        make_target(helm=str(old)).check(release())
    assert raised.value.code == "deploy.tool_too_old"


def test_values_that_the_chart_does_not_take(target: KubernetesTarget, release: MakeRelease, cluster: Cluster) -> None:
    with pytest.raises(InvalidInput, match=r"The values do not fit the chart: .*limit") as raised:
        target.check(release(values="limit: many"))
    assert raised.value.code == "deploy.values"
    assert cluster.objects.all("Secret") == []


@pytest.mark.slow
def test_a_change_by_somebody_else_in_between_is_a_conflict(
    target: KubernetesTarget, release: MakeRelease, heard: Heard
) -> None:
    """The plan was made for revision 1; meanwhile there is a second one, which must not be overwritten unseen."""
    target.apply(release(), heard)
    planned = release("3", expected_revision=target.status().revision)
    target.apply(release("2"), heard)
    with pytest.raises(Conflict, match="Somebody else changed the release cap meanwhile: it is revision 2, deployed"):
        target.apply(planned, heard)
    assert target.status().revision == 2


def test_a_second_operator_is_told_who_and_since_when(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, clock: ManualClock
) -> None:
    ledger = target._ledger("cap")
    with ledger.hold():
        ledger.begin(Entry("apply", "second", clock.now(), "upgrade", 0))
        since = f"since {clock.now():%Y-%m-%dT%H:%M}"
        with pytest.raises(Conflict, match=rf"changed by second \(apply, upgrade\) {since}"):
            target.apply(release(), heard)
        status = target.status()
        assert (status.phase, status.answer) == (Phase.RUNNING, "hold")
        assert f"second has been at apply {since}" in status.explanation


@pytest.mark.slow
def test_a_pending_release_of_somebody_else_is_left_alone_until_no_helm_can_be_at_work(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster, clock: ManualClock
) -> None:
    """A helm killed elsewhere leaves `pending-upgrade`; while it may live it is a conflict, later it is recovered."""
    target.apply(release(), heard)
    leave_pending(target, release("2"), cluster, heard)
    with pytest.raises(Conflict) as raised:
        target.apply(release("3"), heard)
    assert raised.value.code == "deploy.pending"
    clock.advance(timedelta(minutes=11).total_seconds())
    status = target.status()
    assert (status.phase, status.way_out) == (Phase.INTERRUPTED, "capctl deploy rollback 1")
    result = target.apply(release("3"), heard)
    assert result.resumed
    assert result.answer == "yes"
    assert "$ helm rollback cap 1 --namespace cap" in heard.output


@pytest.mark.slow
def test_rolling_back_leads_out_of_a_pending_release_at_once(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    target.apply(release(), heard)
    leave_pending(target, release("2"), cluster, heard)
    result = target.rollback("cap", None, heard)
    assert (result.answer, result.status.phase) == ("yes", Phase.DEPLOYED)


def leave_pending(target: KubernetesTarget, wanted: Release, cluster: Cluster, heard: Heard) -> None:
    """A helm that is killed in the middle, of which nothing on this machine knows."""
    hold, upgrade = cluster.hold("PATCH", "/deployments/cap"), target.commands(wanted)[0]
    program = target._helm.program
    process = subprocess.Popen(
        [program.path, *upgrade.argv[1:]], env=dict(program.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert hold.reached.wait(30)
    process.kill()
    process.communicate()
    hold.drops = True
    hold.released.set()
    assert target.status().history[0].is_pending


@pytest.mark.slow
def test_helm_4_deploys_and_goes_back_as_helm_3_does(
    make_target: MakeTarget, release: MakeRelease, heard: Heard
) -> None:
    """The same commands with a newer helm, which applies on the server and watches."""
    target = make_target(helm=tool("helm4"))
    assert target.apply(release(), heard).answer == "yes"
    with pytest.raises(Refused) as refused:
        target.apply(release("nopull"), heard)
    assert refused.value.code == "deploy.rolled_back"
    assert target.apply(release("2"), heard).revision == 4


def test_a_cluster_that_is_silent_for_a_moment_is_asked_again(
    target: KubernetesTarget, release: MakeRelease, heard: Heard, cluster: Cluster
) -> None:
    """The API server loses some requests while readiness is awaited: no reason to call a deployment failed."""
    cluster.losses = [lambda method, path: method == "GET" and "horizontalpodautoscalers?" in path] * 3
    assert target.apply(release(), heard).answer == "yes"
    assert cluster.losses == []
