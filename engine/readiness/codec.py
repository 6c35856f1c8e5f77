"""A review as JSON data and back. The canonical JSON of it is what is stored and hashed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from engine.canonical import canonical_json, strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.readiness.review import Answer, Attested, Evidence, Finding, Review, Waiver

SCHEMA: Final = "capctl.orr-review.v1"

_T = TypeVar("_T")


def write_review(review: Review) -> bytes:
    """The canonical JSON of a review."""
    return canonical_json(
        {
            "schema": SCHEMA,
            "env": review.env,
            "revision": review.revision,
            "findings": {item: _write_finding(one) for item, one in review.findings.items()},
            "attestations": {item: _write_attested(one) for item, one in review.attestations.items()},
            "waivers": {item: _write_waiver(one) for item, one in review.waivers.items()},
        }
    )


def read_review(data: bytes) -> Review:
    """Read a stored review.

    Raises:
        InvalidInput: It is none.
    """
    document = strict_json(data, what="The review")
    try:
        _require_schema(document)
        return Review(
            env=document["env"],
            revision=document["revision"],
            findings=_each(document["findings"], _read_finding),
            attestations=_each(document["attestations"], _read_attested),
            waivers=_each(document["waivers"], _read_waiver),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            "orr.review_malformed",
            "The stored review cannot be read",
            "It was written by another version, or changed by hand. Restore the registry from a backup.",
        ) from error


def _require_schema(document: Mapping[str, Any]) -> None:
    if document["schema"] != SCHEMA:
        raise ValueError


def _each(entries: Mapping[str, Any], read: Callable[[Mapping[str, Any]], _T]) -> dict[str, _T]:
    return {item: read(entry) for item, entry in entries.items()}


def _write_finding(finding: Finding) -> dict[str, Any]:
    return {
        "answer": finding.answer.value,
        "detail": finding.detail,
        "at": to_rfc3339(finding.at),
        "evidence": finding.evidence,
    }


def _read_finding(entry: Mapping[str, Any]) -> Finding:
    return Finding(Answer(entry["answer"]), entry["detail"], _time(entry["at"]), entry["evidence"])


def _write_attested(attested: Attested) -> dict[str, Any]:
    return {
        "by": attested.by,
        "at": to_rfc3339(attested.at),
        "until": to_rfc3339(attested.until),
        "evidence": [{"name": one.name, "hash": one.hash, "size": one.size} for one in attested.evidence],
    }


def _read_attested(entry: Mapping[str, Any]) -> Attested:
    evidence = tuple(Evidence(one["name"], one["hash"], one["size"]) for one in entry["evidence"])
    return Attested(entry["by"], _time(entry["at"]), _time(entry["until"]), evidence)


def _write_waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "by": waiver.by,
        "approver": waiver.approver,
        "reason": waiver.reason,
        "at": to_rfc3339(waiver.at),
        "until": to_rfc3339(waiver.until),
    }


def _read_waiver(entry: Mapping[str, Any]) -> Waiver:
    until = _time(entry["until"])
    return Waiver(entry["by"], entry["approver"], entry["reason"], _time(entry["at"]), until)


def _time(text: str) -> datetime:
    return from_rfc3339(text)
