"""The embedded registry: policies, reference sets, rollouts, evidence and the audit trail in one SQLite file."""

from engine.registry.sqlite import SqliteStore

__all__ = ["SqliteStore"]
