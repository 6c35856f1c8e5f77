"""What helm and kubectl say, in words; the record of who deploys; what is compared and never shown."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.cutover.chart import check_environment, release_digest
from engine.cutover.complaints import problem
from engine.cutover.helm import duration
from engine.cutover.ledger import Entry, Ledger
from engine.cutover.manifests import HIDDEN, differences, images, read_manifest, resource_types
from engine.cutover.programs import Program
from engine.cutover.target import Command, Release
from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ops.deploying import seconds
from engine.readiness.chart import values_for


@pytest.mark.parametrize(
    ("stderr", "kind", "code"),
    [
        ('error: context "west" does not exist', NotFound, "deploy.no_context"),
        ("Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials",
         Unavailable, "deploy.credentials"),
        ("Error: Kubernetes cluster unreachable: Get ...: connection refused", Unavailable, "deploy.no_cluster"),
        ('Error: create: failed to create: namespaces "cap" not found', NotFound, "deploy.no_namespace"),
        ('secrets is forbidden: User "oncall" cannot create resource "secrets"', Held, "deploy.forbidden"),
        ('pods "x" is forbidden: exceeded quota: compute', Refused, "deploy.quota"),
        ('admission webhook "a.b" denied the request: unsigned', Refused, "deploy.webhook"),
        ("Error: values don't meet the specifications of the schema(s) in the following chart(s):\ncap:\n- replicas: x",
         InvalidInput, "deploy.values"),
        ("another operation (install/upgrade/rollback) is in progress", Conflict, "deploy.pending"),
        ('conflict with "kubectl" with subresource "scale": .spec.replicas', Conflict, "deploy.field_conflict"),
        ("Error: something new\n", Refused, "deploy.tool_failed"),
    ],
)  # fmt: skip
def test_complaints_are_understood(stderr: str, kind: type[EngineError], code: str) -> None:
    """Each kind has its exit code, a sentence, and what to do."""
    found = problem("helm", stderr)
    assert (type(found), found.code) == (kind, code)
    assert found.hint
    assert "{" not in found.message


def test_a_complaint_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in problem("helm", "Error: \x1b[2J" + "x" * 5000).message
    assert len(problem("helm", "Error: " + "x" * 5000).message) < 300


BEFORE = "{kind: Deployment, apiVersion: apps/v1, metadata: {name: a}, spec: {containers: [{name: x, image: i:1}]}}"


def test_differences_name_list_elements_and_hide_secrets() -> None:
    before = read_manifest(f"{BEFORE}\n---\n{{kind: Secret, metadata: {{name: s}}, data: {{k: cGxhbnRlZA==}}}}")
    after = read_manifest(
        BEFORE.replace("i:1", "i:2") + "\n---\n{kind: Secret, metadata: {name: s}, data: {k: b3RoZXI=}}"
    )
    found = {(item.resource, item.path): (item.before, item.after) for item in differences(before, after)}
    assert found == {
        ("Deployment/a", "spec.containers[x].image"): ("i:1", "i:2"),
        ("Secret/s", "data.k"): (HIDDEN, HIDDEN),
    }
    assert (images(after), resource_types(after)) == (("i:2",), ("deployments.apps", "secrets"))


def test_plurals_are_those_of_kubernetes() -> None:
    kinds = {"Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1", "Service": "v1"}
    text = "\n---\n".join(f"{{kind: {kind}, apiVersion: {api}, metadata: {{name: a}}}}" for kind, api in kinds.items())
    assert resource_types(read_manifest(text)) == (
        "ingresses.networking.k8s.io",
        "networkpolicies.networking.k8s.io",
        "services",
    )


def test_the_digest_covers_every_file(tmp_path: Path) -> None:
    """The same files give the same digest, wherever they lie; any change of chart or values another."""
    for place in ("a", "b"):
        (tmp_path / place / "templates").mkdir(parents=True)
        (tmp_path / place / "templates" / "x.yaml").write_text("x", "utf-8")
        (tmp_path / place / "Chart.yaml").write_text("name: cap", "utf-8")
        (tmp_path / place / "values.yaml").write_text("v: 1", "utf-8")

    def digest(place: str) -> str:
        return release_digest(Release(chart=str(tmp_path / place), values=(str(tmp_path / place / "values.yaml"),)))

    assert digest("a") == digest("b")
    (tmp_path / "b" / "templates" / "x.yaml").write_text("y", "utf-8")
    assert digest("a") != digest("b")


@pytest.mark.parametrize(
    ("name", "content", "env", "is_refused"),
    [
        ("values-prod.yaml", "", "dev", True),
        ("values-prod.yaml", "", "prod-eu", False),
        ("mine.yaml", "environment: prod", "stage", True),
        ("values-dev.yaml", "", "prod", True),
        ("values-dev.yaml", "", "dev", False),
    ],
)
def test_values_of_production_go_to_production_alone(
    tmp_path: Path, name: str, content: str, env: str, is_refused: bool
) -> None:
    file = tmp_path / name
    file.write_text(content, "utf-8")
    release = Release(values=(str(file),))
    if not is_refused:
        check_environment(release, env)
        return
    with pytest.raises(InvalidInput) as raised:
        check_environment(release, env)
    assert raised.value.code == "deploy.environment"


def test_an_environment_has_its_own_values(tmp_path: Path) -> None:
    (tmp_path / "values-prod.yaml").touch()
    assert values_for(tmp_path, "prod-eu") == (tmp_path / "values-prod.yaml",)
    assert values_for(tmp_path, "dev") == ()


def test_the_record_outlives_its_writer_and_the_lock_does_not(tmp_path: Path) -> None:
    ledger, clock = Ledger(tmp_path / "deploy", "a/b/cap"), ManualClock()
    with ledger.hold():
        ledger.begin(Entry("apply", "oncall", clock.now(), "upgrade", 3, "sha3-256:x"))
        ledger.step("ready")
        found = ledger.under_way()
        assert found
        assert (found.is_alive, found.step, found.from_revision) == (True, "ready", 3)
        with pytest.raises(Conflict, match=r"by oncall \(apply, ready\) since 2026-01-01T00:00:00Z"), ledger.hold():
            pass
    found = ledger.under_way()
    assert found
    assert not found.is_alive
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "deploy").iterdir()} == {0o600}
    ledger.end()
    assert ledger.under_way() is None


def program(*code: str) -> tuple[Program, list[str]]:
    return Program("python", sys.executable, os.environ), ["-c", ";".join(code)]


def test_output_arrives_line_by_line_with_its_stream() -> None:
    heard: list[tuple[str, bool]] = []
    python, words = program("import sys", "print('one')", "sys.stderr.write('two\\nthree')", "sys.exit(7)")
    code = python.follow(words, on_line=lambda *line: heard.append(line), on_idle=lambda: None)
    assert code == 7
    assert sorted(heard) == [("one", False), ("three", True), ("two", True)]


def test_an_interruption_asks_the_program_to_end_and_waits_for_it(tmp_path: Path) -> None:
    """It gets SIGTERM and the time to write down what it did, and only then does the interruption go on."""
    note = tmp_path / "note"
    handler = f"signal.signal(15, lambda *_: (open({str(note)!r}, 'w').write('ended'), sys.exit(1)))"
    python, words = program("import signal, sys, time", handler, "print('ready', flush=True)", "time.sleep(60)")

    def interrupt(line: str, is_error: bool) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        python.follow(words, on_line=interrupt, on_idle=lambda: None)
    assert note.read_text("utf-8") == "ended"


def test_sigterm_to_capctl_is_an_interruption() -> None:
    """A pipeline that is cancelled must not leave helm behind; afterwards signals are as they were."""
    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    python, words = program("import time", "print('ready', flush=True)", "time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        python.follow(words, on_line=lambda *_: os.kill(os.getpid(), signal.SIGTERM), on_idle=lambda: None)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="helm is not installed"):
        Program("helm", "no-such-helm", os.environ).ask(["version"])


@pytest.mark.parametrize(("text", "value"), [("10m", 600), ("90s", 90), ("600", 600), ("1h", 3600)])
def test_times_are_spelt_as_helm_spells_them(text: str, value: int) -> None:
    assert seconds(text) == value
    assert seconds(duration(value)) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "10 m", "7h", "1e3", "m"])
def test_no_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        seconds(text)


def test_a_command_can_be_pasted() -> None:
    assert Command(("helm", "-f", "my values.yaml")).line == "helm -f 'my values.yaml'"
