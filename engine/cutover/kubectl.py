"""kubectl's command line: what a cluster holds, and what one may do there. Reads JSON from stdout alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from engine.cutover.complaints import problem
from engine.cutover.programs import Program
from engine.cutover.target import Command
from engine.errors import NotFound, Unavailable

OLDEST: Final = (1, 25)
"""The oldest kubectl that speaks to clusters with `autoscaling/v2` alone."""
RELEASE_KINDS: Final = "deploy,po,svc,ingress,hpa"
"""What the cutover's own command looks at."""
CAUSE_KINDS: Final = "sts,rs,events"
"""Where the causes are that a Deployment does not tell, and what stands beside it."""

Object = dict[str, Any]


class Kubectl:
    """One kubectl, looking at one namespace.

    Args:
        program: The binary.
        namespace: To look at.
        context: Of the kubeconfig; empty for the current one.
    """

    def __init__(self, program: Program, *, namespace: str, context: str = "") -> None:
        self.program = program
        self._namespace = namespace
        self._context = context

    def get(self, kinds: str = RELEASE_KINDS) -> Command:
        """The command that looks."""
        return self._command(["get", kinds, "-o", "json"])

    def check_version(self) -> str:
        """Its version.

        Raises:
            Unavailable: It is too old.
        """
        said = self.program.ask(["version", "--client"]).stdout
        found = re.search(r"v(\d+)\.(\d+)\.\d+", said)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            version = found[0] if found else "of no known version"
            raise Unavailable("deploy.tool_too_old", f"kubectl is {version}", f"Install kubectl {oldest} or newer.")
        return found[0]

    def context(self) -> str:
        """The context that is in use.

        Raises:
            NotFound: The kubeconfig has none of that name, or names no current one.
        """
        names = self.program.ask(["config", "get-contexts", "-o", "name"]).stdout.split()
        wanted = self._context or self.program.ask(["config", "current-context"]).stdout.strip()
        if not names or wanted not in names:
            what = f"no context {wanted}" if wanted else "no current context"
            known = f"It has {', '.join(names)}" if names else "It has none: look at KUBECONFIG"
            raise NotFound("deploy.no_context", f"The kubeconfig has {what}", f"{known}; set kube_context.")
        return wanted

    def objects(self, kinds: str = RELEASE_KINDS) -> list[Object]:
        """The objects of these kinds in the namespace."""
        return self._items(self.get(kinds))

    def namespace_exists(self) -> bool:
        """Whether the namespace is there; True also where one may not look at namespaces.

        Raises:
            EngineError: The cluster cannot be asked.
        """
        done = self.program.ask(self._command(["get", "namespace", self._namespace, "-o", "json"]).argv[1:])
        if done.exit_code == 0 or "cannot get resource" in done.stderr:
            return True
        found = problem("kubectl", done.stderr)
        if found.code == "deploy.no_namespace":
            return False
        raise found

    def may(self, verb: str, resource: str) -> bool:
        """Whether the caller may do this in the namespace."""
        done = self.program.ask(self._command(["auth", "can-i", verb, resource]).argv[1:])
        answer = done.stdout.strip()
        if answer not in ("yes", "no"):
            raise problem("kubectl", done.stderr)
        return answer == "yes"

    def _items(self, command: Command) -> list[Object]:
        done = self.program.ask(command.argv[1:])
        if done.exit_code:
            raise problem("kubectl", done.stderr)
        try:
            items: list[Object] = json.loads(done.stdout)["items"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                "deploy.not_json", "kubectl's answer is not a list", "Look whether it is kubectl."
            ) from error
        return items

    def _command(self, words: Sequence[str]) -> Command:
        place = ("--context", self._context) if self._context else ()
        return Command(("kubectl", "-n", self._namespace, *words, *place))
