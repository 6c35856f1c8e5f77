"""The operational readiness review: items as data, probes, attestations, and a signature that binds them."""
