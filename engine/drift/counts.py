"""What is counted: the same nine numbers for every window, policy, step and replica.

Counts add up. A fleet's ratio is made from summed counts, never from averaged ratios.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Counts:
    """Decisions over some stretch of time. Every field is a number of requests."""

    requests: int = 0
    enforced: int = 0
    """Requests the rollout took."""
    over_block: int = 0
    under_block: int = 0
    unknown: int = 0
    preview_over_block: int = 0
    preview_under_block: int = 0
    preview_unknown: int = 0
    aa_samples: int = 0
    """Requests whose baseline was evaluated twice."""
    aa_mismatches: int = 0
    """Of those, how many disagreed with themselves: noise, not drift."""

    @property
    def drift(self) -> int:
        """Requests whose enforced verdict differs from the shadow verdict."""
        return self.over_block + self.under_block + self.unknown

    @property
    def preview(self) -> int:
        """Requests that were not applied and would have differed."""
        return self.preview_over_block + self.preview_under_block + self.preview_unknown

    @property
    def not_applied(self) -> int:
        """Requests the rollout left to the baseline: what preview drift is measured on."""
        return self.requests - self.enforced

    @property
    def drift_ratio(self) -> float:
        """Drift events / all requests, `adapt_drift_ratio`; 0 without traffic."""
        return _ratio(self.drift, self.requests)

    @property
    def enforced_drift_ratio(self) -> float:
        """Drift events / enforced requests, `adapt_enforced_drift_ratio`; never smaller than `drift_ratio`."""
        return _ratio(self.drift, self.enforced)

    @property
    def preview_drift_ratio(self) -> float:
        """Preview events / requests not applied."""
        return _ratio(self.preview, self.not_applied)

    @property
    def aa_floor(self) -> float:
        """Share of sampled requests whose baseline disagreed with itself: the noise below which drift means nothing."""
        return _ratio(self.aa_mismatches, self.aa_samples)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
