"""Helm's command line, 3 and 4: what is asked of it, in its own words, and how its answers are read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from engine.clock import from_rfc3339
from engine.cutover.chart import release_digest
from engine.cutover.complaints import problem
from engine.cutover.programs import Program
from engine.cutover.target import Command, Release, Revision
from engine.errors import InvalidInput, Unavailable

OLDEST: Final = (3, 12)
"""The oldest Helm whose `--wait` and JSON this was written for."""
HISTORY: Final = 25
"""Revisions that are looked at; Helm itself keeps 10 unless told otherwise."""
TIMESTAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*\s*(Z|[+-]\d\d:?\d\d)")


class Helm:
    """One Helm, acting in one namespace.

    Args:
        program: The binary.
        namespace: Of the release.
        context: Of the kubeconfig; empty for the current one.
    """

    def __init__(self, program: Program, *, namespace: str, context: str = "") -> None:
        self.program = program
        self._place = ["--namespace", namespace, *(("--kube-context", context) if context else ())]

    def check_version(self) -> str:
        """Its version.

        Raises:
            Unavailable: It is too old.
        """
        said = self.program.ask(["version", "--template", "{{.Version}}"]).stdout.strip()
        found = re.match(r"v(\d+)\.(\d+)\.", said)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Unavailable(
                "deploy.tool_too_old", f"helm is {said or 'of no known version'}", f"Install helm {oldest} or newer."
            )
        return said

    def upgrade(self, release: Release) -> Command:
        """The command that deploys, as the cutover's own documents spell it, and what the release is told of itself.

        Raises:
            Unavailable: The chart or a file of values cannot be read.
        """
        files = [word for file in release.values for word in ("-f", file)]
        words = ["upgrade", "--install", release.name, release.chart, *files, "--wait"]
        return self._command([*words, "--timeout", duration(release.timeout_s)], _told(release), changes=True)

    def rollback(self, name: str, revision: int, *, timeout_s: int, wait: bool = True) -> Command:
        """The command that goes back. It names the revision: by itself Helm takes the one before, failed or not."""
        waiting = ["--wait", "--timeout", duration(timeout_s)] if wait else []
        return self._command(["rollback", name, str(revision), *waiting], changes=True)

    def history(self, name: str) -> tuple[Revision, ...]:
        """Every revision that is kept, newest first; none for a release that does not exist."""
        done = self.program.ask(["history", name, "--max", str(HISTORY), "-o", "json", *self._place])
        if "release: not found" in done.stderr:
            return ()
        entries = _read(done.exit_code, done.stdout, done.stderr)
        return tuple(sorted((_revision(entry) for entry in entries), key=lambda entry: -entry.number))

    def manifest(self, name: str) -> str:
        """What the newest revision consists of, as YAML; empty for a release that does not exist."""
        done = self.program.ask(["get", "manifest", name, *self._place])
        if "release: not found" in done.stderr:
            return ""
        if done.exit_code:
            raise problem("helm", done.stderr)
        return done.stdout

    def template(self, release: Release) -> str:
        """What a release would consist of, as YAML, without hooks.

        Raises:
            InvalidInput: The chart does not take these values.
        """
        files = [word for file in release.values for word in ("-f", file)]
        words = ["template", release.name, release.chart, *files, "--no-hooks", *self._place, *_told(release)]
        done = self.program.ask(words)
        if done.exit_code:
            raise _of_the_chart(done.stderr)
        return done.stdout

    def _command(self, words: Sequence[str], told: Sequence[str] = (), *, changes: bool) -> Command:
        return Command(("helm", *words, *self._place, *told), changes=changes)


def _told(release: Release) -> tuple[str, ...]:
    """What the release is told of itself: its pods have no chart to look at, and are asked which one they are of."""
    return ("--set", f"release.chart={release_digest(release)}")


def duration(seconds: int) -> str:
    """Seconds as Helm's flags take them: `10m`, `90s`."""
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _of_the_chart(stderr: str) -> Exception:
    """Rendering asks no cluster: what goes wrong there is the chart's or the values'."""
    found = problem("helm template", stderr)
    if found.code != "deploy.tool_failed":
        return found
    return InvalidInput("deploy.chart", found.message, "Correct the values or the chart: helm lint says more.")


def _read(exit_code: int, stdout: str, stderr: str) -> Any:
    if exit_code:
        raise problem("helm", stderr)
    try:
        return json.loads(stdout)
    except ValueError as error:
        raise Unavailable("deploy.not_json", "helm's answer is not JSON", "Look whether helm is helm.") from error


def _revision(entry: dict[str, Any]) -> Revision:
    return Revision(
        number=int(entry["revision"]),
        status=str(entry["status"]),
        at=from_rfc3339(_timestamp(str(entry["updated"]))),
        chart=str(entry.get("chart", "")),
        app_version=str(entry.get("app_version", "")),
        description=str(entry.get("description", "")),
    )


def _timestamp(text: str) -> str:
    """Go's time with nanoseconds as one with microseconds."""
    found = TIMESTAMP.match(text)
    return "".join(part or "" for part in (found[1], "T", found[2], found[3], found[4])) if found else text
