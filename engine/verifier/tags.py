"""Entity tags of what the verifier serves."""

from __future__ import annotations


def policy_tag(ir_hash: str) -> str:
    """The strong tag of a published policy (RFC 9110, section 8.8.3): of its content, and of nothing else.

    Neither the signature over the registry's entry nor the process that answers changes it.
    """
    return f'"ir:{ir_hash}"'
