"""The contract of the HTTP service: what every endpoint takes and answers, as pydantic models.

The OpenAPI document is made from here (`engine.verifier.openapi`), and tests hold the running service to it. The hot
path does not validate with these models, which would cost it half its throughput; it has checks of its own, and a test
proves that both accept and refuse the same bodies.

`ENDPOINTS` is the table of everything there is; each model lives in the module of its subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.verifier.contract.endpoints import ENDPOINTS

__all__ = ["ENDPOINTS"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine.verifier.contract.endpoints import ENDPOINTS

    return ENDPOINTS
