"""Signing results without holding up whoever else asks.

A key in a file signs here and now, in less time than it takes to hand it to a thread. A key in a module, in Vault or in
a cloud is waited for, in threads of its own: one that is slow delays those who need its signatures, and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from engine.errors import Unavailable
from engine.trust import ResponseSigner, SignedResult

THREADS: Final = 8
"""Signatures that are waited for at once; the clients of Vault and AWS keep ten connections each."""

TURN_S: Final = 5.0
"""Longest wait for a turn. Whoever comes while nothing is signed is told so, not kept until the caller gives up."""


class ResultSigning:
    """Signs the results of requests.

    Args:
        signer: Holds the key, which may be another one at any time.
    """

    def __init__(self, signer: ResponseSigner) -> None:
        self._signer = signer
        self._turns = asyncio.Semaphore(THREADS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sign")

    async def sign(self, document: Mapping[str, Any]) -> SignedResult:
        """Sign a plain result, which must stay as it is meanwhile. Raises as `ResponseSigner.sign`."""
        if not self._signer.is_remote:
            return self._signer.sign(document, plain=True)
        await self._take_turn()
        try:
            ask = partial(self._signer.sign, document, plain=True)
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Finish what is under way and end the threads."""
        self._threads.shutdown(wait=True)

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable(
                "keys.busy", "Results cannot be signed fast enough now", "Try again; whoever holds the key is slow."
            ) from None
