"""Which backend gets the next request: smooth weighted round robin.

Over any stretch of requests as long as the sum of the weights each backend gets exactly its share, and the shares are
spread as evenly as they can be. Source: the algorithm of nginx's `ngx_http_upstream_round_robin` (2012).
"""

from __future__ import annotations

from collections.abc import Mapping


class WeightedRouter:
    """Chooses backends by weight. A backend of weight 0 is never chosen."""

    def __init__(self) -> None:
        self._weights: dict[str, int] = {}
        self._credit: dict[str, int] = {}

    @property
    def weights(self) -> Mapping[str, int]:
        """Of the backends that may be chosen."""
        return self._weights

    def route(self, weights: Mapping[str, int]) -> None:
        """Choose among these from now on. What stays keeps its place in the round."""
        self._weights = {name: weight for name, weight in weights.items() if weight > 0}
        self._credit = {name: self._credit.get(name, 0) for name in self._weights}

    def choose(self) -> str | None:
        """The backend for one request; None where there is none."""
        if not self._weights:
            return None
        for name, weight in self._weights.items():
            self._credit[name] += weight
        chosen = max(self._credit, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(self._weights.values())
        return chosen
