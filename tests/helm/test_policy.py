"""What a policy scanner asks: Pod Security Standards `restricted`, limits, probes, default deny, no secrets.

Source: Kubernetes documentation, Pod Security Standards, profile "restricted".
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from capctl.cli.commands import command_at, find
from engine.verifier import probe
from tests.helm.conftest import ENVIRONMENTS, EVERYTHING, Object, containers_of, of_kind, pod_specs

VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret", "downwardAPI", "csi", "ephemeral"}
SECRET_NAMES = re.compile(r"passphrase|password|secret|token", re.IGNORECASE)

Render = Callable[..., list[Object]]


@pytest.fixture(scope="module", params=[*((env, ()) for env in ENVIRONMENTS), ("prod", EVERYTHING)], ids=str)
def objects(request: pytest.FixtureRequest, render: Render) -> list[Object]:
    """What one environment deploys."""
    env, more = request.param
    return render(env, *more)


def test_pods_are_restricted(objects: list[Object]) -> None:
    for spec in pod_specs(objects):
        assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] != 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not security.get("sysctls")
        assert spec["automountServiceAccountToken"] is False
        for volume in spec["volumes"]:
            assert (volume.keys() - {"name"}) <= VOLUMES


def test_containers_are_restricted(objects: list[Object]) -> None:
    for container in (container for spec in pod_specs(objects) for container in containers_of(spec)):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not security.get("privileged")
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_every_container_has_requests_and_limits(objects: list[Object]) -> None:
    for container in (container for spec in pod_specs(objects) for container in containers_of(spec)):
        for kind in ("requests", "limits"):
            assert container["resources"][kind].keys() >= {"cpu", "memory"}, container["name"]


def test_verifiers_are_asked_whether_they_live_and_are_ready(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert container.keys() >= {"startupProbe", "livenessProbe", "readinessProbe"}


def test_everything_is_denied_that_is_not_allowed(objects: list[Object]) -> None:
    denying = [
        policy["spec"]
        for policy in of_kind(objects, "NetworkPolicy")
        if set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not policy["spec"].keys() & {"ingress", "egress"}
    ]
    (deny,) = denying
    chosen = deny["podSelector"]["matchLabels"].items()
    templates = [found["spec"]["template"] for found in of_kind(objects, "Deployment")] + of_kind(objects, "Pod")
    templates += [found["spec"]["jobTemplate"]["spec"]["template"] for found in of_kind(objects, "CronJob")]
    assert all(chosen <= template["metadata"]["labels"].items() for template in templates)


def test_no_image_floats(objects: list[Object]) -> None:
    for container in (container for spec in pod_specs(objects) for container in containers_of(spec)):
        assert not container["image"].endswith(":latest")
        assert re.search(r"(:[^:/@]+|@sha256:[0-9a-f]{64})$", container["image"])


def test_production_runs_images_by_digest(render: Render) -> None:
    for spec in pod_specs(render("prod", *EVERYTHING)):
        assert all(re.search(r"@sha256:[0-9a-f]{64}$", container["image"]) for container in containers_of(spec))


def test_no_secret_stands_in_the_manifests(objects: list[Object]) -> None:
    assert not of_kind(objects, "Secret")
    for container in (container for spec in pod_specs(objects) for container in containers_of(spec)):
        for variable in container.get("env", []):
            assert "value" not in variable or not SECRET_NAMES.search(variable["name"]), variable["name"]


def test_every_command_exists(objects: list[Object]) -> None:
    """With every option it is given. In the image there are capctl, Python, and a few programs of its base."""
    for container in (container for spec in pod_specs(objects) for container in containers_of(spec)):
        program, *words = [*container["command"], *container.get("args", [])]
        if program == "capctl":
            _assert_is_command(words)
        else:
            assert program in {"install", "sh"}, container["name"]


def test_the_probe_from_inside_exists(render: Render) -> None:
    (deployment,) = of_kind(render("prod", "mtls.mode=required"), "Deployment")
    command = deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]
    assert command[:3] == ["python", "-m", probe.__name__]
    with pytest.raises(SystemExit, match="0"):
        probe.main([*command[3:], "--help"])


def _assert_is_command(words: list[str]) -> None:
    command = command_at(find(words)[0])
    assert command is not None, words
    names = {flag for param in command.params for flag in param.arg.flags or [f"--{param.name.replace('_', '-')}"]}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= names | {"--yes", "--env"}, words
