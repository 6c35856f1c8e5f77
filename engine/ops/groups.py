"""Which module declares which commands, so that a surface can load only what it needs.

Start-up is a feature: `capctl rollout --help` imports one module of operations, not all of them. Whoever wants every
operation (the console, the documentation, the parity test) imports `engine.ops.catalogue`.
"""

from importlib import import_module
from typing import Final, NamedTuple

from engine.ops.spec import REGISTRY, Operation


class Group(NamedTuple):
    """The first word of some commands."""

    module: str
    """Where their operations are declared."""
    summary: str = ""
    """What the group is about; empty when the word is itself a command."""


GROUPS: Final[dict[str, Group]] = {
    "status": Group("engine.ops.status"),
    "rollout": Group("engine.ops.rollout", "Take a policy from shadow to full, and back"),
    "gate": Group("engine.ops.gate", "Ask whether the rollout may go on"),
    "drift": Group("engine.ops.drift", "See where the enforced verdicts differ from the baseline"),
    "policy": Group("engine.ops.policy", "Lint, compile, publish and compare policies"),
    "lists": Group("engine.ops.lists", "Reference sets, named by their root"),
    "adapt": Group("engine.ops.decision"),
    "replay": Group("engine.ops.decision"),
    "verify-result": Group("engine.ops.result"),
    "token": Group("engine.ops.token", "Access tokens for development and demonstration"),
    "orr": Group("engine.ops.orr", "Review whether everything is ready, and sign that it is"),
    "cutover": Group("engine.ops.cutover", "The whole evening as one plan, from preflight to sign-off"),
    "deploy": Group("engine.ops.deploy", "Deploy the verifier, see how it is, and take it back"),
    "smoke": Group("engine.ops.smoke"),
    "local": Group("engine.ops.local", "What deploy --target local runs on this machine"),
    "canary": Group("engine.ops.canary", "Watch a release that gets a share of the requests"),
    "load": Group("engine.ops.load"),
    "pilot": Group("engine.ops.pilot", "Pull suppliers from SAP, verify them, write the verdicts back"),
    "openapi": Group("engine.ops.openapi", "The contract of the HTTP API"),
    "keys": Group("engine.ops.keys", "See the keys, and let one take the place of another"),
    "audit": Group("engine.ops.audit", "See who did what when, and prove that nobody altered it"),
    "report": Group("engine.ops.report"),
    "backup": Group("engine.ops.backup", "Back up the registry, encrypted and signed"),
    "restore": Group("engine.ops.restore"),
    "drill": Group("engine.ops.drill", "Rehearse the worst, and measure it"),
    "demo": Group("engine.ops.demo", "Run everything embedded, with traffic"),
    "runbook": Group("engine.ops.runbook"),
    "doctor": Group("engine.ops.doctor"),
}
"""By first word, in the order of help pages."""


def operations(word: str) -> dict[tuple[str, ...], Operation]:
    """The operations whose command begins with `word`, by command, in order of declaration.

    Side effects: imports the module that declares them.

    Raises:
        KeyError: No group begins with it.
    """
    import_module(GROUPS[word].module)
    return {op.command: op for op in REGISTRY.values() if op.command[0] == word}
