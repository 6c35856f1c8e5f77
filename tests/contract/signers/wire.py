"""Servers that stand where another one should: they give their own answer, or pass on and do something meanwhile."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives everybody the same answer. Its URL."""
    with listening(lambda connection: (received_request(connection), connection.sendall(answer))) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def relay(port: int, meanwhile: Callable[[bytes], None]) -> Iterator[str]:
    """Stands before a server, and does something between a request's arrival and its being passed on. Its URL."""

    def pass_on(connection: socket.socket) -> None:
        request = received_request(connection)
        meanwhile(request)
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
            while received := server.recv(65_536):
                connection.sendall(received)

    with listening(pass_on) as own:
        yield f"http://127.0.0.1:{own}"


def received_request(connection: socket.socket) -> bytes:
    """One request with its body."""
    with connection.makefile("rb") as stream:
        head = b"".join(iter(stream.readline, b"\r\n"))
        length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
        return head + b"\r\n" + stream.read(int(length[1]) if length else 0)


@contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Accepts one connection after the other, and closes each when it was served. The port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
