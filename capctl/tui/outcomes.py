"""How the outcomes in the audit trail look: one tone and one glyph each, on every screen that shows records."""

from __future__ import annotations

from typing import Final

TONES: Final = {"done": "$gate-open", "refused": "$gate-hold", "failed": "$gate-closed", "intent": "$muted"}

GLYPHS: Final = {"done": "○", "refused": "…", "failed": "■", "intent": "·"}
"""For eyes that do not see the tones."""
