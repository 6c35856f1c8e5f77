"""The operational readiness review: what must be true before enforcement, how each item stands, and who signed it."""

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.readiness.items import load_checklist
    from engine.readiness.signing import SignedReadiness

__all__ = ["SignedReadiness", "load_checklist"]

__getattr__ = lazy_face(__name__, {"SignedReadiness": "signing", "load_checklist": "items"})
