"""The control room in a browser: it is shown, to this machine's own pages only, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """`capctl web` on a free port; its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "CAPCTL_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-m", "capctl", "web", "--port", str(port)]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, start_new_session=True)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(base)
        yield base
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def _wait_for(base: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if httpx.get(base).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("it did not come up")


async def _first_screen(base: str, origin: str) -> bytes:
    """What a page receives until the screen has been drawn."""
    received = b""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{base}/ws?width=120&height=40", headers={"Origin": origin}) as page,
    ):
        await page.send_str(json.dumps(["resize", {"width": 120, "height": 40}]))
        while b"READ" not in received.upper() and len(received) < 1_000_000:
            message = await page.receive(timeout=20)
            received += message.data if isinstance(message.data, bytes) else str(message.data).encode()
    return received


async def test_a_page_shows_the_control_room_to_look_at(served: str) -> None:
    assert b"READ" in (await _first_screen(served, served)).upper()


async def test_a_page_of_another_site_is_refused(served: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await _first_screen(served, "http://example.com")
    assert refused.value.status == 403


def test_another_name_for_this_machine_is_refused(served: str) -> None:
    """What a rebound name of the DNS would lead to."""
    rebound = httpx.get(served, headers={"Host": "evil.example"})
    assert rebound.status_code == 403


def test_the_page_fetches_nothing_from_elsewhere(served: str) -> None:
    policy = httpx.get(served).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_port_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "capctl", "web", "--port", "99999"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no port" in done.stderr
