"""The append-only, tamper-evident record of who did what, when."""

from engine.audit.chain import EMPTY, AuditEvent, AuditRecord, ChainBreak, ChainHead, read_record, seal, verify_chain
from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.intent import current_intent, tied
from engine.audit.merkle import EMPTY_TREE, CompactRange, leaf_hash

__all__ = [
    "EMPTY",
    "EMPTY_TREE",
    "AuditEvent",
    "AuditRecord",
    "ChainBreak",
    "ChainHead",
    "Checkpoint",
    "CompactRange",
    "current_intent",
    "leaf_hash",
    "read_checkpoint",
    "read_record",
    "seal",
    "tied",
    "verify_chain",
]
