"""Metrics out: what a verifier exposes to Prometheus.

Import from the modules (`engine.telemetry.exposition`, `engine.telemetry.requests`).
"""
