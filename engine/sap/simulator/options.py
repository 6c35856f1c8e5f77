"""Where real servers differ, the simulator has an option; the defaults are what most of them do.

Measured on SAP's CAP server and others; each option names the behaviour it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from engine.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How the simulated system behaves."""

    client: str = "100"
    """The one client that exists; a request for another, or for none, is a logon to the wrong system: 401."""
    user: str = ""
    password: str = ""
    """Basic authentication where a user is named."""
    lock_after: int = 5
    """Wrong passwords in a row after which the user is locked, as a real system does."""
    page_size: int = 20
    """Entities a page; the rest follows through `__next`. 0 sends everything at once."""
    next_host: str = ""
    """Host that `__next` names: a server behind a dispatcher leaks its inner name."""
    repeat_page: bool = False
    """`__next` leads to the same page for ever."""
    ignore_filter: bool = False
    """$filter is accepted and has no effect: a developer has not coded it."""
    ignore_skip: bool = False
    """The same for $skip."""
    inline_count: bool = True
    """Whether $inlinecount is answered."""
    csrf: bool = True
    csrf_uses: int = 0
    """Modifying requests after which a token expires; 0 never."""
    unique_key: bool = True
    """False: a second row under the same key is accepted."""
    key_in_metadata: bool = True
    """False: $metadata says that the run id alone is the key of the status table."""
    duplicate_status: int = 409
    """What a second POST of a key is answered with: 400, 409 or 500."""
    batch: bool = True
    batch_status: int = 202
    one_operation_per_changeset: bool = False
    """Gateway's default changeset implementation."""
    atomic_changesets: bool = True
    stop_after_failed_changeset: bool = False
    """Changesets behind a failed one are not run and not answered."""
    max_body_bytes: int = 0
    """Larger bodies are answered 413; 0 takes all."""
    merge_status: int = 204
    put_replaces: bool = True
    etag_required: bool = True
    trim_decimals: bool = False
    """`2449414.00` comes as `2449414`."""
    null_as_empty: bool = False
    """Null strings come as `""`."""
    error_format: str = "json"
    """`json`, `xml` or `html`."""
    throttle_every: int = 0
    """Each so-manieth request is answered 429; 0 none."""
    retry_after: str = "0"
    """Value of Retry-After on a 429; empty sends none."""
    without: tuple[str, ...] = ()
    """Properties that the supplier service does not have."""


_TYPES: Final = {field.name: type(field.default) for field in fields(SimulatorOptions)}


def options_of(data: dict[str, Any]) -> SimulatorOptions:
    """Options from JSON data.

    Raises:
        InvalidInput: A name is unknown or a value has the wrong type.
    """
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
    for name, value in values.items():
        if type(value) is not _TYPES.get(name):
            raise InvalidInput("simulator.option", f"{name!r} is no such option", f"Known: {', '.join(_TYPES)}.")
    return SimulatorOptions(**values)
