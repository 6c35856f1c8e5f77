"""One action, declared once.

A plain typed function under `@operation` becomes a command, a key binding, a palette entry, a form, a help row and a
line in `docs/operations.md`. The surfaces read the declarations in `REGISTRY`; they add nothing of their own.

    @operation("rollout.pause", danger=Danger.WRITE, key="p")
    def pause(ctx: EngineContext, policy: Annotated[str, Arg("Policy id.")] = "", ...) -> "RolloutView":
        '''Hold the rollout where it is.'''

Modules with operations must stay cheap to import: annotations of parameters are built-in types, everything else is
imported inside the function that needs it, and the result's type is written as a string.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, get_args, get_origin

EMPTY: Final = inspect.Parameter.empty


class Danger(StrEnum):
    """What an operation may do, which decides who is asked before it runs."""

    READ = "read"
    """Changes nothing."""
    WRITE = "write"
    """Changes state that can be changed back."""
    IRREVERSIBLE = "irreversible"
    """Cannot be undone: the surface asks for the name of the thing."""


@dataclass(frozen=True, slots=True)
class Arg:
    """What a parameter is for, and how it is spelt on the command line.

    Args:
        help: One sentence. No square brackets: help is rendered as markup in places.
        positional: Spelt without a flag.
        flags: Spellings of the option; derived from the name when empty (`drift_max` becomes `--drift-max`).
        metavar: The placeholder in help.
        choices: Allowed values, if they are few.
        suggest: Name of a completion source in the console (`policy`, `list`, `file`).
    """

    help: str
    positional: bool = False
    flags: tuple[str, ...] = ()
    metavar: str = ""
    choices: tuple[str, ...] = ()
    suggest: str = ""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of an operation, read from the function's signature."""

    name: str
    type: Any
    """str, int, float, bool, pathlib.Path, list[str], or one of these with None."""
    arg: Arg
    default: Any = EMPTY

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.default is EMPTY


@dataclass(frozen=True, slots=True)
class Operation:
    """An action of the control room."""

    id: str
    """`noun.verb`."""
    danger: Danger
    function: Callable[..., Any]
    command: tuple[str, ...]
    """The words after `capctl`: ("rollout", "pause")."""
    key: str
    """The key in the console; empty when it is reached through the palette only."""
    streams: bool
    """Whether it yields events until it is stopped or done, rather than returning once."""
    params: tuple[Param, ...]

    @property
    def summary(self) -> str:
        """The first line of the docstring: what it does, in one sentence."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The docstring below its first line."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n")[2].strip()


REGISTRY: Final[dict[str, Operation]] = {}
"""Every operation by id, in order of declaration. Filled by importing `engine.ops.catalogue`."""


def operation(
    id: str, *, danger: Danger = Danger.READ, command: str = "", key: str = "", streams: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as an operation.

    Args:
        id: `noun.verb`, unique.
        danger: What it may do.
        command: The words after `capctl`, where they are not the id's own.
        key: The key in the console.
        streams: It is a generator of events.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        if id in REGISTRY:
            raise ValueError(f"operation {id!r} is declared twice")
        REGISTRY[id] = Operation(
            id=id,
            danger=danger,
            function=function,
            command=tuple((command or id.replace(".", " ")).split()),
            key=key,
            streams=streams,
            params=_params(function),
        )
        return function

    return declare


def _params(function: Callable[..., Any]) -> tuple[Param, ...]:
    params = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        type_, arg = _annotated(parameter)
        params.append(Param(parameter.name, type_, arg, parameter.default))
    return tuple(params)


def _annotated(parameter: inspect.Parameter) -> tuple[Any, Arg]:
    annotation = parameter.annotation
    if hasattr(annotation, "__metadata__"):
        type_, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, Arg):
                return type_, extra
    raise TypeError(
        f"parameter {parameter.name!r} needs Annotated[type, Arg(...)], got {annotation!r} ({get_origin(annotation)})"
    )
