"""The chart renders what it promises, and refuses what could not work."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from engine.settings import load_settings
from engine.verifier.hardening import check_production
from engine.verifier.server import DRAIN_S, LEAVE_S
from tests.helm.conftest import CHART, ENVIRONMENTS, EVERYTHING, ROOT, Helm, Object, containers_of, of_kind, values_of

FOREIGN = {"ServiceMonitor", "PrometheusRule", "ExternalSecret", "SealedSecret"}
"""Kinds whose schemas belong to operators."""

Render = Callable[..., list[Object]]


@pytest.mark.parametrize("binary", ["helm", "helm4"])
@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_lint_finds_nothing(helm: Helm, env: str, binary: str) -> None:
    done = helm("lint", "--strict", "helm/", *values_of(env), binary=binary)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("more", [(), EVERYTHING], ids=["as-it-stands", "everything"])
def test_helm_3_and_4_render_the_same(render: Render, more: tuple[str, ...]) -> None:
    assert render("prod", *more) == render("prod", *more, binary="helm4")


@pytest.mark.parametrize(("env", "more"), [*((env, ()) for env in ENVIRONMENTS), ("prod", EVERYTHING)])
def test_kubernetes_accepts_every_object(render: Render, env: str, more: tuple[str, ...]) -> None:
    """Against the schemas of Kubernetes, where an unknown field is an error."""
    for document in render(env, *more):
        if document["kind"] not in FOREIGN:
            kubernetes_validate.validate(document, "1.32", strict=True)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_configuration_in_the_chart_is_one_that_capctl_reads(render: Render, tmp_path: Path, env: str) -> None:
    """And in production one with which the service starts."""
    document = _configuration(render(env))
    file = tmp_path / "capctl.toml"
    file.write_text(document)
    hosts = _variable(render(env), "CAPCTL_HOSTS").replace("$(POD_IP)", "10.0.0.1")
    settings = load_settings({"CAPCTL_HOSTS": hosts}, file, {})
    check_production(settings, has_passphrase=settings.key_passphrase_file is not None)
    assert set(tomllib.loads(document)) <= {field.name for field in fields(settings)}


def test_the_flags_reach_the_verifier(render: Render) -> None:
    objects = render(
        "prod",
        "features.enforce_enabled=false",
        "features.enforce_rollout_percent=12.5",
        "features.drift_max_ratio=0.02",
        "features.enforce_readiness_gate=true",
    )
    settings = tomllib.loads(_configuration(objects))
    flags = (settings["enforce_enabled"], settings["enforce_rollout_percent"], settings["drift_max_ratio"])
    assert flags == (False, 12.5, 0.02)
    (deployment,) = of_kind(objects, "Deployment")
    assert "--drift-gate" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    "value",
    [
        "replicas=0",
        "replicas=-1",
        "replicas=two",
        "autoscaling.maxReplicas=-3",
        "features.enforce_rollout_percent=-1",
        "features.enforce_rollout_percent=101",
        "features.drift_max_ratio=-0.1",
        "features.drift_max_ratio=0",
        "features.enforce_enabled=perhaps",
        "features.enforce_enabeld=true",
        "canary.weight=-5",
        "rateLimit.perSecond=-1",
        "resources.limits.memory=-1Gi",
        "resources.limits=null",
        "podDisruptionBudget.maxUnavailable=0",
        "mtls.mode=sometimes",
        "image.tag=latest",
        "image.digest=sha256:abc",
        "replica=2",
        "release.chart=sha256:abc",
        "release.image=cap:1",
        "persistence.accessMode=ReadWriteMany",
        "monitoring.serviceMonitor.interval=60s",
    ],
)
def test_impossible_values_are_refused(helm: Helm, value: str) -> None:
    done = helm("template", "cap", "helm/", *values_of("prod", [value]))
    assert done.returncode != 0
    assert value.partition("=")[0].rpartition(".")[-1] in done.stderr


@pytest.mark.parametrize(
    ("env", "value", "says"),
    [
        ("prod", "mtls.mode=off", "mtls.mode to optional or required"),
        ("prod", "image.digest=", "image.digest"),
        ("prod", "secrets.provider=none", "secrets.provider"),
        ("prod", "tls.secretName=", "tls.secretName"),
        ("prod", "persistence.enabled=false", "persistence.enabled=true"),
        ("prod", "rateLimit.perSecond=0", "rateLimit.perSecond"),
        ("prod", "autoscaling.minReplicas=7", "autoscaling.maxReplicas"),
        ("stage", "mtls.mode=required", "mtls.clientSecret"),
        ("dev", "replicas=2", "persistence.enabled"),
        ("dev", "autoscaling.enabled=true", "persistence.enabled"),
        ("dev", "mtls.mode=optional", "tls.secretName"),
        ("dev", "ingress.enabled=true", "ingress.host"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_set(helm: Helm, env: str, value: str, says: str) -> None:
    # --set-string: YAML reads a bare `off` as false.
    done = helm("template", "cap", "helm/", *values_of(env), "--set-string" if "mode=" in value else "--set", value)
    assert done.returncode != 0
    assert says in done.stderr


def test_the_autoscaler_alone_chooses_the_number_of_pods(render: Render) -> None:
    (deployment,) = of_kind(render("prod"), "Deployment")
    assert "replicas" not in deployment["spec"]
    (fixed,) = of_kind(render("prod", "autoscaling.enabled=false", "replicas=2"), "Deployment")
    assert fixed["spec"]["replicas"] == 2


def test_pods_that_share_the_registry_stay_on_one_node(render: Render) -> None:
    """A ReadWriteOnce volume is attached to one node, and SQLite's locks hold on one node."""
    objects = render("prod", *EVERYTHING)
    (claim,) = of_kind(objects, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for deployment in of_kind(objects, "Deployment"):
        template = deployment["spec"]["template"]
        (term,) = template["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_a_pod_gets_the_time_that_the_server_takes_to_end(render: Render) -> None:
    (deployment,) = of_kind(render("prod"), "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > pause + LEAVE_S + DRAIN_S


def test_probes_show_a_certificate_where_one_is_required(render: Render) -> None:
    for mode, kind in (("optional", "httpGet"), ("required", "exec")):
        (deployment,) = of_kind(render("prod", f"mtls.mode={mode}"), "Deployment")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert all(kind in container[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))


def test_a_changed_flag_starts_new_pods(render: Render) -> None:
    templates = [
        of_kind(render("prod", value), "Deployment")[0]["spec"]["template"]["metadata"]["annotations"]
        for value in ("features.drift_max_ratio=0.005", "features.drift_max_ratio=0.006")
    ]
    assert templates[0] != templates[1]


def test_metrics_stay_inside(render: Render) -> None:
    for ingress in of_kind(render("prod", *EVERYTHING), "Ingress"):
        paths = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
        assert "/verify" in paths
        assert not any("/metrics".startswith(path) for path in paths)


def test_the_canary_takes_its_weight_under_the_same_host(render: Render) -> None:
    objects = render("prod", *EVERYTHING, "canary.weight=10")
    stable, canary = sorted(of_kind(objects, "Ingress"), key=lambda found: found["metadata"]["name"])
    assert stable["spec"]["rules"][0]["host"] == canary["spec"]["rules"][0]["host"]
    assert canary["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "10"
    backends = {
        ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] for ingress in (stable, canary)
    }
    assert backends == {service["metadata"]["name"] for service in of_kind(objects, "Service")}


def test_the_alerts_in_the_chart_are_the_alerts(render: Render) -> None:
    (rule,) = of_kind(render("prod"), "PrometheusRule")
    groups = [
        group
        for name in ("recording", "alerts")
        for group in yaml.safe_load((ROOT / f"grafana/rules/{name}.yml").read_text())["groups"]
    ]
    assert rule["spec"]["groups"] == groups


def test_files_in_the_chart_are_copies(render: Render) -> None:
    """`make docs` copies them: helm reads nothing outside of a chart."""
    sources = ["grafana/rules/alerts.yml", "grafana/rules/recording.yml", "grafana/dashboards/verifier.json"]
    for source in map(Path, sources):
        assert (CHART / "files" / source.name).read_bytes() == (ROOT / source).read_bytes(), "make docs"


def test_every_value_is_described_and_nothing_else_is_taken() -> None:
    import json

    schema = json.loads((CHART / "values.schema.json").read_text())
    _same_keys(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "values")


def _same_keys(schema: Object, values: Object, where: str) -> None:
    assert schema["additionalProperties"] is False, where
    assert schema["properties"].keys() == values.keys(), where
    for name, value in values.items():
        inner = schema["properties"][name]
        if isinstance(value, dict) and "properties" in inner:
            _same_keys(inner, value, f"{where}.{name}")


def _configuration(objects: list[Object]) -> str:
    (found,) = (found for found in of_kind(objects, "ConfigMap") if "capctl.toml" in found["data"])
    return str(found["data"]["capctl.toml"])


def _variable(objects: list[Object], name: str) -> str:
    (deployment,) = of_kind(objects, "Deployment")
    for container in containers_of(deployment["spec"]["template"]["spec"]):
        for variable in container.get("env", []):
            if variable["name"] == name:
                return str(variable["value"])
    raise AssertionError(name)
