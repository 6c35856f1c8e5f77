"""The eyes of the probes: each module sees one part of the world, and says so when it cannot."""
