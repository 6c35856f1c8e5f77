"""The append-only, tamper-evident record of who did what, when."""

from engine.audit.chain import EMPTY, AuditEvent, AuditRecord, ChainBreak, ChainHead, read_record, seal, verify_chain
from engine.audit.intent import current_intent, tied

__all__ = [
    "EMPTY",
    "AuditEvent",
    "AuditRecord",
    "ChainBreak",
    "ChainHead",
    "current_intent",
    "read_record",
    "seal",
    "tied",
    "verify_chain",
]
