"""The deploy commands as a script or an operator meets them, where no cluster is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from capctl.cli.progress import progress_bar
from engine.context import Progress
from tests.cli.conftest import Cli

CHART = str(Path(__file__).parents[1] / "contract" / "kubernetes" / "chart")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--timeout", "soon"), 2, "deploy.timeout"),
        (("--release", "Cap!"), 2, "deploy.release_name"),
        (("--if-revision", "-1"), 2, "deploy.revision"),
        (("--chart", "nowhere"), 5, "deploy.no_file"),
        (("--values", "nowhere.yaml", "--chart", CHART), 5, "deploy.no_file"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_tool_is_asked(
    cli: Cli, words: tuple[str, ...], code: int, error: str
) -> None:
    outcome = cli("deploy", "apply", *words, "--output", "json")
    assert (outcome.code, outcome.data["error"]["code"]) == (code, error)
    assert outcome.data["error"]["hint"]


def test_a_tool_that_is_missing_is_said_with_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPCTL_HELM", "no-such-helm")
    outcome = cli("deploy", "plan", "--chart", CHART)
    assert outcome.code == 5
    assert "helm is not installed" in outcome.err
    assert "CAPCTL_HELM=/path/to/helm" in outcome.err


def test_production_must_be_typed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that was left over in a shell deploys nothing, not even with --yes."""
    monkeypatch.setenv("CAPCTL_ENV", "prod")
    outcome = cli("deploy", "apply", "--chart", CHART, "--yes", "--output", "json")
    assert (outcome.code, outcome.data["error"]["code"]) == (2, "cli.environment_not_named")
    monkeypatch.setenv("CAPCTL_HELM", "no-such-helm")
    typed = cli("deploy", "apply", "--chart", CHART, "--yes", "--env", "prod", "--output", "json")
    assert typed.data["error"]["code"] == "deploy.no_tool"


def test_going_back_is_never_slowed_down(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rolling back in production asks neither for the name nor for a confirmation."""
    monkeypatch.setenv("CAPCTL_ENV", "prod")
    monkeypatch.setenv("CAPCTL_HELM", "no-such-helm")
    outcome = cli("deploy", "rollback", "--output", "json")
    assert outcome.data["error"]["code"] == "deploy.no_tool"


def test_the_target_of_the_demonstration_is_this_machine(cli: Cli) -> None:
    """No cluster is needed to rehearse: nothing was deployed yet, which is said and is no error."""
    outcome = cli("deploy", "status", "--env", "demo", "--output", "json")
    assert (outcome.data["target"], outcome.data["phase"]) == ("local", "absent")


def test_what_tools_print_goes_to_stderr_even_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline's log keeps helm's lines; numbers of progress are left out of it, and --quiet leaves out both."""
    for quiet in (False, True):
        with progress_bar(quiet=quiet) as emit:
            emit(Progress("Deployment/cap", 1, 3))
            emit(Progress("upgrade", 0, output="helm| STATUS: deployed\x1b[2J"))
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == ("" if quiet else "helm| STATUS: deployed [2J\n")
