"""What every test may rely on: nothing skips where that is forbidden, and nothing of this machine leaks in."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where `CAPCTL_FORBID_SKIP` is set: in CI a missing tool is a fault."""
    report = yield
    if report.skipped and os.environ.get("CAPCTL_FORBID_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped, which is forbidden here: {report.longrepr}"
    return report


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted and hung up: what a background job ignores, its children do."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test sees none of the operator's settings, and its state lies in a temporary folder."""
    for name in [name for name in os.environ if name.startswith("CAPCTL_") and name != "CAPCTL_FORBID_SKIP"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("CAPCTL_ACTOR", "tester")
