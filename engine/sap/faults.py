"""What a refusal from SAP says, as far as it can be told on: codes and ids, never SAP's own words.

A message text of SAP may name a supplier or the colleague who locks it. Its code and the transaction id name neither,
and lead an administrator to the text (transaction /IWFND/ERROR_LOG).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import EngineError, NotFound, Refused, Unavailable

_CODE: Final = re.compile(r"[A-Za-z0-9_./-]{1,60}")
_XML_CODE: Final = re.compile(rb"<code[^>]*>([^<]{1,60})</code>")
_XML_TRANSACTION: Final = re.compile(rb"<transactionid>([^<]{1,60})</transactionid>")
_ONLY_ONE: Final = re.compile(rb"only one operation", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be told of a refusal."""

    status: int
    code: str = ""
    """The T100 message class and number, or another code; empty where there was none."""
    transaction_id: str = ""
    only_one_operation: bool = False
    """Gateway's default changeset implementation refused a changeset of several operations."""

    def __str__(self) -> str:
        details = [f"HTTP {self.status}"]
        details += [f"code {self.code}"] if self.code else []
        details += [f"transaction {self.transaction_id}"] if self.transaction_id else []
        return ", ".join(details)


def read_fault(status: int, content: bytes) -> Fault:
    """Read an error body: JSON, XML, or whatever stood in front of SAP wrote.

    Args:
        status: Of the answer.
        content: Its body, unverified.
    """
    only_one = _ONLY_ONE.search(content) is not None
    try:
        error = json.loads(content)["error"]
        code, transaction = _text(error.get("code")), _text(_inner(error).get("transactionid"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found, traced = _XML_CODE.search(content), _XML_TRANSACTION.search(content)
        code = _text(found[1].decode("latin-1")) if found else ""
        transaction = _text(traced[1].decode("latin-1")) if traced else ""
    return Fault(status, code, transaction, only_one)


def error_of(fault: Fault, what: str) -> EngineError:
    """The error for people that a refusal amounts to.

    Args:
        fault: What SAP said.
        what: What was tried: `read the suppliers`.
    """
    told = f"SAP refused to {what} ({fault})"
    match fault.status:
        case 401:
            hint = "Check user, password and --client. Do not simply try again: SAP locks users after a few attempts."
            return Refused("sap.logon_failed", f"SAP refused the logon ({fault})", hint)
        case 403:
            return Refused("sap.forbidden", told, "The user lacks an authorisation; docs/sap.md lists what is needed.")
        case 404:
            hint = "Check --odata and --table, and that the service is activated (/IWFND/MAINT_SERVICE)."
            return NotFound("sap.not_found", told, hint)
        case status if status >= 500:
            return Unavailable("sap.server_error", told, "Run the same command again later; it goes on.")
        case _:
            return Refused("sap.refused", told, "The transaction id leads to the cause in /IWFND/ERROR_LOG.")


def _inner(error: dict[str, Any]) -> dict[str, Any]:
    inner = error.get("innererror")
    return inner if isinstance(inner, dict) else {}


def _text(value: Any) -> str:
    """A code as it may be shown: nothing that could be a name or a sentence."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""
