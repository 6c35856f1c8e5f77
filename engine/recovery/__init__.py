"""Backups and restores: what leaves the registry sealed, and comes back equal or not at all."""
