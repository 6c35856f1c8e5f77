"""The one way to a SAP system: every request passes here, and everything that repeats a request does.

A read is repeated after failures that pass. A write is repeated only when it was certainly refused unexecuted (429,
a CSRF token that has expired, a connection that never came about); after anything else its outcome is unknown, and
`OutcomeUnknown` says so: the caller reads back.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import httpx

from engine.errors import Unavailable
from engine.sap.credentials import Credentials
from engine.sap.faults import error_of, read_fault
from engine.sap.retry import Pacer
from engine.sap.target import SapTarget

MAX_ANSWER_BYTES: Final = 64 * 2**20
TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
TOKEN_ATTEMPTS: Final = 5
"""A burst of throttling can come between the fetch of a token and its use."""
PASSING: Final = frozenset({500, 502, 503, 504})
"""Answers to a read after which it is worth asking again."""

# These libraries log URLs, headers and bodies, which name suppliers.
for _library in ("httpx", "httpcore", "pyodata"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)


class OutcomeUnknown(Exception):
    """A write was sent, and what became of it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. pyodata takes it for a response."""

    status_code: int
    headers: httpx.Headers
    content: bytes = field(repr=False)
    url: str = field(repr=False)

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError."""
        import json

        return json.loads(self.content)


class SapConnection:
    """Requests to one system: logon, client, CSRF, throttling, one origin.

    Args:
        target: The system and the client.
        credentials: None where the server wants none.
        pacer: When to ask again.
        transport: Stands in for the network, in tests.
        ca_file: Certificates to trust instead of the machine's own.
    """

    def __init__(
        self,
        target: SapTarget,
        credentials: Credentials | None,
        pacer: Pacer,
        *,
        transport: httpx.BaseTransport | None = None,
        ca_file: str | None = None,
    ) -> None:
        self.target = target
        self.pacer = pacer
        self._authorization = _basic(credentials)
        self._tokens: dict[str, str] = {}
        """CSRF tokens by service root."""
        self._logged_on = False
        self._http = httpx.Client(
            transport=transport, timeout=TIMEOUT, follow_redirects=False, verify=_trust(ca_file), trust_env=False
        )

    def read(self, url: str, *, what: str, accept: str = "application/json") -> Answer:
        """GET, repeated while failures may pass.

        Args:
            url: Absolute, or relative to the target's base; it is fetched from the target's own origin in any case.
            what: What is being tried, for an error.
            accept: The media type wanted.

        Raises:
            EngineError: What the answer amounts to.
        """
        answer = self._ask(url, {"Accept": accept})
        if answer.status_code != 200:
            raise error_of(read_fault(answer.status_code, answer.content), what)
        return answer

    def write(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str], *, root: str, what: str
    ) -> Answer:
        """Send a modifying request, once.

        Args:
            method: POST, MERGE and the like.
            url: Absolute, or relative to the target's base.
            content: The body.
            headers: Beside those that every request has.
            root: Of the service, which a CSRF token is fetched from.
            what: What is being tried, for an error.

        Returns:
            Any answer that is not a refusal of everybody's requests.

        Raises:
            OutcomeUnknown: It was sent, and no whole answer came.
            EngineError: It was refused unexecuted and cannot be sent now, or the logon was refused.
        """
        attempt = 0
        while True:
            attempt += 1
            sent = {"X-Requested-With": "XMLHttpRequest", **headers, **self._token(root)}
            try:
                answer = self._send(method, url, sent, content)
            except NEVER_SENT as error:
                if attempt >= self.pacer.attempts:
                    raise _unreachable() from error
                self.pacer.failed(attempt, "SAP cannot be reached")
                continue
            except httpx.TransportError as error:
                raise OutcomeUnknown(type(error).__name__) from error
            if not self._refused_unexecuted(answer, attempt, root):
                if answer.status_code in (401, 403):
                    raise error_of(read_fault(answer.status_code, answer.content), what)
                return answer

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def rebase(self, url: str) -> str:
        """A URL on the target's own origin: servers behind a dispatcher name hosts that are not for us to visit."""
        parts = urlsplit(urljoin(self.target.base + "/", url))
        base = urlsplit(self.target.base)
        return parts._replace(scheme=base.scheme, netloc=base.netloc, fragment="").geturl()

    def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET until there is an answer that asking again would not change."""
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._send("GET", url, headers, None)
            except httpx.TransportError as error:
                if attempt >= self.pacer.attempts:
                    raise _unreachable() from error
                self.pacer.failed(attempt, "SAP did not answer")
                continue
            if answer.status_code in PASSING and attempt < self.pacer.attempts:
                self.pacer.failed(attempt, f"SAP answered {answer.status_code}")
            elif not self._refused_unexecuted(answer, attempt):
                self._logged_on = self._logged_on or answer.status_code == 200
                return answer

    def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        self.pacer.wait()
        full = with_query(self.rebase(url), {"sap-client": self.target.client, "sap-language": self.target.language})
        with self._http.stream(method, full, headers={**self._authorization, **headers}, content=content) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    hint = "Ask for fewer at once: --page-size 500."
                    raise Unavailable("sap.answer_too_large", "SAP's answer is larger than 64 MB", hint)
            return Answer(response.status_code, response.headers, bytes(body), url)

    def _refused_unexecuted(self, answer: Answer, attempt: int, root: str = "") -> bool:
        """Whether a request was certainly not executed, and may be sent again now."""
        if answer.status_code == 429:
            self.pacer.throttled(answer.headers.get("retry-after"), attempt)
            return True
        if answer.status_code == 403 and answer.headers.get("x-csrf-token", "").lower() == "required":
            # A token ends with its session; that a fresh one is refused too has another cause.
            return attempt < TOKEN_ATTEMPTS and self._tokens.pop(root, None) is not None
        if answer.status_code == 401 and self._logged_on and attempt < TOKEN_ATTEMPTS:
            # The session has ended. The password has worked before, so one more logon does not lock the user; what
            # follows must succeed before there is another.
            self._logged_on = False
            self._http.cookies.clear()
            self._tokens.clear()
            return True
        return False

    def _token(self, root: str) -> dict[str, str]:
        """The CSRF token of a service, fetched when there is none. Servers without CSRF protection name none."""
        if root not in self._tokens:
            answer = self._ask(root + "/", {"X-CSRF-Token": "Fetch", "Accept": "application/json"})
            if answer.status_code == 401:
                raise error_of(read_fault(401, answer.content), "log on")
            # Even an error answer can carry the token; without one the write itself will say what is wrong.
            self._tokens[root] = answer.headers.get("x-csrf-token", "")
        token = self._tokens[root]
        return {"X-CSRF-Token": token} if token else {}


def with_query(url: str, options: Mapping[str, str]) -> str:
    """A URL with query options added; those it has already, and empty ones, are left alone."""
    parts = urlsplit(url)
    known = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({n: v for n, v in options.items() if v and n not in known}, quote_via=quote)
    # Servers differ about a plus sign in a query; all of them understand %20.
    query = "&".join(filter(None, (parts.query.replace("+", "%20"), added)))
    return parts._replace(query=query).geturl()


def _basic(credentials: Credentials | None) -> dict[str, str]:
    if credentials is None:
        return {}
    encoded = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def _trust(ca_file: str | None) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca_file) if ca_file else True


def _unreachable() -> Unavailable:
    return Unavailable("sap.unreachable", "SAP cannot be reached", "Check --odata and the network, then run it again.")
