"""How tokens read."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Facts, Line, Raw
from engine.clock import to_rfc3339
from engine.ops.results.token import MintedToken, ShownToken


def minted(result: MintedToken) -> Iterator[Block]:
    """The token and nothing else: it is meant for a variable."""
    yield Raw(result.token)


def shown(result: ShownToken) -> Iterator[Block]:
    """What it allows, or why it is refused."""
    if result.refused:
        yield Line(f"refused: {result.message} ({result.refused})")
        return
    until = to_rfc3339(result.expires_at) if result.expires_at else "-"
    yield Facts([("accepted", "yes"), ("actor", result.actor), ("scopes", " ".join(result.scopes)), ("until", until)])


VIEWS = {"token.mint": minted, "token.show": shown}
