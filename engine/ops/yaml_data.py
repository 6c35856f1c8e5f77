"""Small documents that users write by hand, as plain data: rollout plans and weights."""

from typing import Any

from engine.errors import InvalidInput
from engine.ops.files import read_bytes


def read_data(path: str, *, what: str) -> Any:
    """Read a YAML or JSON file by the strict rules that policies are read by.

    Args:
        path: As the user gave it; `-` is standard input.
        what: What it should be, for the error: `plan`.

    Raises:
        InvalidInput: It is not YAML, or YAML that two readers could understand differently; the message holds the
            line and column.
        Unavailable: It cannot be read.
    """
    from engine.policy.findings import Findings
    from engine.policy.source import read_tree, to_data

    findings = Findings(path)
    tree = read_tree(read_bytes(path, what=what), findings)
    if tree is None or findings.blocked():
        first = findings.sorted()[0]
        if first.code == "E0010":
            raise InvalidInput(
                f"{what}.empty", f"The {what} file {path!r} is empty", "Check that it is the file you mean."
            )
        raise InvalidInput(f"{what}.malformed", str(first), first.fix)
    return to_data(tree)
