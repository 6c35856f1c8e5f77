"""The append-only, tamper-evident record of who did what, when."""

from engine.audit.chain import AuditEvent, AuditRecord, ChainBreak, seal, verify_chain

__all__ = ["AuditEvent", "AuditRecord", "ChainBreak", "seal", "verify_chain"]
