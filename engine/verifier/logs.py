"""Structured logs: one JSON object a line, with an allow-list of fields and nothing personal.

What a request holds (paths, bodies, tokens, addresses) is never logged; what the service knows about it is: its id, its
route, what became of it, and the pseudonym of who asked. JSON escapes every control character, so that no value can
forge a line. Of other people's log records only the fixed text is kept, because their arguments may quote anything.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from engine.clock import to_rfc3339
from engine.verifier.failures import describe
from engine.verifier.routes import SCOPES

FIELDS: Final = ("request_id", "method", "route", "status", "duration_ms", "code", "actor", "client")
"""What a record may carry beside its text."""

OWN: Final = "capctl"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON.

    Args:
        replica: Named in every line.
    """

    def __init__(self, replica: str) -> None:
        super().__init__()
        self._replica = replica

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        own = record.name.partition(".")[0] == OWN
        line: dict[str, Any] = {
            "time": to_rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage() if own else str(record.msg),
            "replica": self._replica,
        }
        line |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def configure_logs(replica: str) -> None:
    """Send the logs of this process to stderr: ours from `info` on, everybody else's from `warning` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(replica))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(OWN).setLevel(logging.INFO)


def route_of(path: str) -> str:
    """The route that a path belongs to: never the path itself, which the caller has written."""
    if path in SCOPES:
        return path
    return "/policy/{policy_id}" if path.startswith("/policy/") else "other"


def method_of(method: str) -> str:
    """The method, if it is one."""
    return method if method in METHODS else "other"
