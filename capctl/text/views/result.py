"""How a checked result reads."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Facts, Line
from capctl.text.views.words import short, verdict
from engine.ops.results.result import CheckedResult


def checked(result: CheckedResult) -> Iterator[Block]:
    """Whether it holds, and what it says."""
    if result.refused:
        yield Line(f"not valid: {result.message} ({result.refused})")
        return
    document = result.document
    yield Facts(
        [
            ("valid", "signed by the verifier, unaltered"),
            ("verdict", verdict(document.get("verdict", ""))),
            ("policy", f"{document.get('policy_id', '-')}  {short(document.get('ir_hash', ''))}"),
            ("manifest", short(document.get("manifest_hash", ""))),
            ("at", document.get("at", "-")),
            ("key", result.kid),
        ]
    )


VIEWS = {"result.verify": checked}
