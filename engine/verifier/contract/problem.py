"""Problem documents: how every refusal is answered (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.verifier.contract.base import Model, absent
from engine.verifier.contract.policy import LintFinding

ProblemCode = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z0-9_]+$", examples=["policy.unknown"])]


class Problem(Model):
    """What was wrong with a request, and what to do about it. Holds nothing from the request but names of things."""

    type: Annotated[str, Field(pattern=r"^urn:capctl:problem:[a-z]+\.[a-z0-9_]+$")]
    title: str
    """The status in words."""
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What happened, in one sentence."""
    code: ProblemCode
    """Stable: programs decide on it."""
    hint: str
    """What to do; may be empty."""
    request_id: str
    """Names this request in the service's log."""
    findings: list[LintFinding] = absent()
    """What lint found, where a policy was refused."""
