"""Which scope each request needs: the one table that the service is built from and the contract is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.verifier.auth.scopes import Scope

SCOPES: Final[Mapping[str, Mapping[str, Scope | None]]] = {
    "/verify": {"POST": Scope.VERIFY_RUN},
    "/policy/compile": {"POST": Scope.POLICY_COMPILE},
    "/policy/{policy_id}": {"GET": Scope.POLICY_READ},
    "/adapt/plan": {"POST": Scope.ADAPT_PLAN},
    "/adapt/run": {"POST": Scope.ADAPT_RUN},
    "/rollout": {"GET": Scope.ROLLOUT_READ, "PUT": Scope.ROLLOUT_WRITE},
    "/drift": {"GET": Scope.ROLLOUT_READ},
    "/healthz": {"GET": None},
    "/readyz": {"GET": None},
    "/metrics": {"GET": Scope.METRICS_READ},
    "/.well-known/jwks.json": {"GET": None},
}
"""By path and method; None: anybody. The path of `/metrics` is open where it is not exposed."""

METRICS: Final = "/metrics"
