"""Metrics out: what a verifier exposes to Prometheus. Metrics in: a fleet's evidence, read back exactly.

Import from the modules (`exposition`, `requests` and `security`; `prometheus_source` and `scrape_source`).
"""
