"""How the demonstration reads."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.document import to_json_text
from capctl.text.layout import Block, Line, Raw
from capctl.text.views import rollout
from engine.demo import DemoEvent
from engine.ops.results.demo import DemoAccess, RateSet


def event(result: DemoEvent) -> Iterator[Block]:
    """One JSON line: the script is for scripts, whoever watches it."""
    yield Raw(to_json_text(result, compact=True))


def rate_set(result: RateSet) -> Iterator[Block]:
    """The rate."""
    yield Line(f"{result.requests_per_s:g} requests per second")


def access(result: DemoAccess) -> Iterator[Block]:
    """Lines for a shell."""
    yield Raw(f"export BASE={result.url}")
    yield Raw(f"export TOKEN={result.token}")
    if result.sap_url:
        yield Raw(f"export SAP_URL={result.sap_url}")
        yield Raw(f"export SAP_CLIENT={result.sap_client}")


VIEWS = {"demo.env": access, "demo.run": event, "demo.inject": rollout.changed, "demo.rate": rate_set}
