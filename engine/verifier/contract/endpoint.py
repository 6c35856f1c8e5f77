"""What the contract says about one endpoint: the records that the table of endpoints is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from engine.verifier.auth.scopes import Scope
from engine.verifier.contract.codes import Problems
from engine.verifier.routes import SCOPES


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of a request outside its body."""

    name: str
    place: str
    """`path`, `query` or `header`."""
    description: str
    schema: Mapping[str, Any]
    required: bool = False
    example: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """What can be done next with an answer (OpenAPI 3.1, section 4.8.20)."""

    name: str
    operation: str
    """Id of the endpoint that takes it."""
    description: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no problem document."""

    summary: str
    model: type[BaseModel] | None = None
    """Of a JSON body; None for another body, or none."""
    media_type: str = "application/json"
    """Of a body that has a model."""
    text_types: tuple[str, ...] = ()
    """Media types of a body that is text."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Descriptions by name."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    """One line."""
    description: str
    answers: Mapping[int, Answer]
    problems: Problems
    may_be_open: bool = False
    """Whether an environment can leave the token out although the endpoint has a scope."""
    body: type[BaseModel] | None = None
    """Of the request, as JSON."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Of the body."""
    parameters: tuple[Parameter, ...] = ()

    @property
    def scope(self) -> Scope | None:
        """What a token must allow; None when nobody is asked for one."""
        return SCOPES[self.path][self.method]
