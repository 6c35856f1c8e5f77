"""What helm and kubectl complain about, said once in words an operator can act on.

Matched on text, because neither has stable codes. What matches nothing is repeated as the tool said it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable, printable

LONGEST: Final = 240
"""Characters of a tool's own words that are repeated."""


class Complaint(NamedTuple):
    """A kind of complaint, and what it means."""

    pattern: re.Pattern[str]
    kind: type[EngineError]
    code: str
    message: str
    """Named groups of the pattern may be used."""
    hint: str


def _complaint(pattern: str, kind: type[EngineError], code: str, message: str, hint: str) -> Complaint:
    return Complaint(re.compile(pattern, re.IGNORECASE | re.DOTALL), kind, code, message, hint)


COMPLAINTS: Final = (
    _complaint(
        r'context "(?P<what>[^"]*)" does not exist|no context exists with the name: "(?P<which>[^"]*)"',
        NotFound,
        "deploy.no_context",
        "The kubeconfig has no context {what}",
        "kubectl config get-contexts lists them; set kube_context in capctl.toml.",
    ),
    _complaint(
        r"provide credentials|unauthorized|must be logged in|certificate has expired|token (has|is) expired"
        r"|expiredtoken|getting credentials",
        Unavailable,
        "deploy.credentials",
        "The cluster does not accept your credentials: they are missing or have expired",
        "Log in to the cluster again, then run the same command.",
    ),
    _complaint(
        r'namespaces "(?P<what>[^"]+)" not found',
        NotFound,
        "deploy.no_namespace",
        "The namespace {what} does not exist in this cluster",
        "Make it with the labels it needs (docs/deploy.md), or correct kube_namespace or the context.",
    ),
    _complaint(
        r"admission webhook \"(?P<what>[^\"]+)\" denied the request:? ?(?P<words>[^\n]*)",
        Refused,
        "deploy.webhook",
        "The admission webhook {what} refuses it: {words}",
        "Correct what it objects to; nothing was left half-done.",
    ),
    _complaint(
        r"(?P<words>exceeded quota[^\n]*)",
        Refused,
        "deploy.quota",
        "The namespace's quota does not allow it: {words}",
        "Lower the requests in the values, or have the quota raised.",
    ),
    _complaint(
        r'(?P<what>[a-z.]+)( "[^"]*")? is forbidden: User [^\n]*?cannot (?P<words>\w+)',
        Held,
        "deploy.forbidden",
        "You may not {words} {what} in this namespace",
        "Ask for the role of a deployer there (docs/deploy.md lists what it must allow).",
    ),
    _complaint(
        r"values don't meet the specifications of the schema[^\n]*\n(?P<words>.*)",
        InvalidInput,
        "deploy.values",
        "The values do not fit the chart: {words}",
        "Correct the file of values; values.schema.json says what each key takes.",
    ),
    _complaint(
        r"another operation \(install/upgrade/rollback\) is in progress",
        Conflict,
        "deploy.pending",
        "Another operation on this release is in progress, or was killed",
        "capctl deploy status says which; capctl deploy rollback leads out of it.",
    ),
    _complaint(
        r"conflict with (?P<what>\"[^\"]+\"[^:\n]*): (?P<words>[^\n]*)",
        Conflict,
        "deploy.field_conflict",
        "{what} manages {words}, which the chart sets as well",
        "Leave the field to one of the two: with an HPA, leave replicas out of the values.",
    ),
    _complaint(
        r"release: not found",
        NotFound,
        "deploy.no_release",
        "There is no such release in this namespace",
        "capctl deploy apply installs it; or correct kube_namespace or the context.",
    ),
    _complaint(
        r"unreachable|unable to connect|unable to handle the request|connection refused|connection to the server|"
        r"no such host|i/o timeout|"
        r"no configuration has been provided|invalid configuration",
        Unavailable,
        "deploy.no_cluster",
        "No cluster answers under the kubeconfig in use",
        "Look at kubectl config current-context and at your network or VPN; rehearse with --target local.",
    ),
    _complaint(
        r"(yaml )?parse error[^\n]*|execution error at (?P<words>[^\n]*)|error converting yaml[^\n]*",
        InvalidInput,
        "deploy.chart",
        "The chart cannot be rendered with these values: {words}",
        "Correct the values, or try helm template with the same files.",
    ),
)


def problem(tool: str, stderr: str) -> EngineError:
    """What a tool's complaint means."""
    for complaint in COMPLAINTS:
        if found := complaint.pattern.search(stderr):
            groups = {"what": "", "words": "", **{key: value or "" for key, value in found.groupdict().items()}}
            groups["what"] = groups["what"] or groups.pop("which", "")
            said = complaint.message.format(**{key: short(value) for key, value in groups.items()})
            return complaint.kind(complaint.code, said.rstrip(": "), complaint.hint)
    hint = "Run the command that is shown by hand to see the whole of it."
    return Refused("deploy.tool_failed", f"{tool} failed: {short(_last_line(stderr)) or 'it did not say why'}", hint)


def short(text: str) -> str:
    """A tool's words as one line of bounded length."""
    line = " ".join(printable(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
