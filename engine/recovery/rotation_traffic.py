"""Callers during a rotation drill: each verification's signature is checked the way a careful client checks it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from engine.errors import EngineError
from engine.trust.verifying import verify_result

if TYPE_CHECKING:
    import httpx

    from engine.clock import Clock

PAUSE_S: Final = 0.01
"""Between two requests: some tens a second, which one core answers beside everything else."""

MOST_PROBLEMS: Final = 10
"""Failures that are told apart; with more, a longer list tells nobody anything."""

CONTEXT: Final = {"suppliers": [{"supplier_hash": f"sha3-256:{'0' * 64}"}]}
"""Of nobody. The verdict does not matter here, its signature does."""


@dataclass(slots=True)
class Calls:
    """What callers have seen so far."""

    accepted: Counter[str] = field(default_factory=Counter)
    """Results that were believed, by the key that signed them."""
    failed: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    """What was wrong with the others."""
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The newest result under each key."""

    def fail(self, problem: str) -> None:
        """Count a verification that a caller could not use."""
        self.failed += 1
        if problem in self.problems or len(self.problems) < MOST_PROBLEMS:
            self.problems[problem] += 1


class Caller:
    """Verifies a policy again and again, in a thread, for as long as the block lasts.

    It keeps the key set, and fetches it again when a key is not in it, as RFC 7517 clients do.

    Args:
        client: Speaks to the verifier, with a token that may verify.
        policy_id: What is verified.
        clock: Says whether a key is still accepted.
    """

    def __init__(self, client: httpx.Client, policy_id: str, clock: Clock) -> None:
        self._client = client
        self._request = {"policy_id": policy_id, "context": CONTEXT}
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="rotation drill's caller", daemon=True)
        self.calls = Calls()

    def __enter__(self) -> Caller:
        self._keys = fetch_keys(self._client)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            try:
                self._call()
            except EngineError as error:
                self.calls.fail(error.code)
            except Exception as error:
                self.calls.fail(type(error).__name__)

    def _call(self) -> None:
        answer = self._client.post("/verify", json=self._request)
        if answer.status_code != 200:
            self.calls.fail(f"status {answer.status_code}")
            return
        result = answer.json()["result"]
        if all(key["kid"] != result["kid"] for key in self._keys["keys"]):
            self._keys = fetch_keys(self._client)
        kid = verify_result(result, self._keys, now=self._clock.now()).kid
        self.calls.accepted[kid] += 1
        self.calls.last[kid] = result


def fetch_keys(client: httpx.Client) -> dict[str, Any]:
    """The key set that a verifier publishes now."""
    answer = client.get("/.well-known/jwks.json")
    answer.raise_for_status()
    keys: dict[str, Any] = answer.json()
    return keys
