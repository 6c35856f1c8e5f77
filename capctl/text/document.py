"""A result as JSON text."""

from __future__ import annotations

import json
from typing import Any


def to_json_text(result: Any, *, compact: bool = False) -> str:
    """A result as JSON: indented with sorted keys, or on one line in the order of the result.

    Raises:
        ValueError: It holds NaN or an infinity.
    """
    data = result.to_json() if hasattr(result, "to_json") else result
    if compact:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    return json.dumps(data, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2)
