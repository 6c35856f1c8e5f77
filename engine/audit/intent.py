"""Which intent the running code carries out, so that an outcome names it however deep it is recorded."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from engine.audit.chain import AuditEvent

current_intent: Final[ContextVar[int | None]] = ContextVar("current_intent", default=None)
"""Sequence number of the intent; None outside an operation (a verifier's steward acts of its own accord)."""


def tied(event: AuditEvent) -> AuditEvent:
    """The event with the intent that the running code carries out, unless it names one or is one."""
    intent = current_intent.get()
    if intent is None or event.intent is not None or event.outcome == "intent":
        return event
    return replace(event, intent=intent)
