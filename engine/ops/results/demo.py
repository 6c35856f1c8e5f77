"""What the demonstration's commands answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """How the demonstration is reached from elsewhere on this machine."""

    url: str
    token: str
    sap_url: str
    """Of the simulated SAP; empty while it is not up."""
    sap_client: str

    def to_json(self) -> dict[str, Any]:
        """Addresses and token as JSON data."""
        return {"base": self.url, "token": self.token, "sap_url": self.sap_url, "sap_client": self.sap_client}


@dataclass(frozen=True, slots=True)
class RateSet:
    """The traffic that was asked for."""

    requests_per_s: float

    def to_json(self) -> dict[str, Any]:
        """The rate as JSON data."""
        return {"requests_per_s": self.requests_per_s}
