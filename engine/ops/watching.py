"""Looking again and again, for operations that watch."""

import time
from collections.abc import Iterator
from itertools import count as endless


def looks(interval_s: float, count: int) -> Iterator[int]:
    """Yield 0, 1, 2, ... with a pause between; the first at once.

    Args:
        interval_s: Seconds between two looks.
        count: How many; 0 never ends.

    Raises:
        InvalidInput: The interval or the count makes no sense.
    """
    if not 0 <= interval_s < 86_400 or count < 0:
        from engine.errors import InvalidInput

        message = f"Cannot look {count} times with {interval_s:g} s between"
        raise InvalidInput(
            "watch.impossible", message, "Give an --interval of 0 to 86400 s and a --count of 0 or more."
        )
    for look in range(count) if count else endless():
        if look:
            time.sleep(interval_s)
        yield look
