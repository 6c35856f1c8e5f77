"""One action, declared once.

A plain typed function under `@operation` becomes a command, a key binding, a palette entry, a form, a help row and a
line in `docs/operations.md`. The surfaces read the declarations in `REGISTRY`; they add nothing of their own.

    @operation("rollout.pause", danger=Danger.WRITE, key="p")
    def pause(ctx: EngineContext, policy: Annotated[str, Arg("Policy id.")] = "", ...) -> "RolloutView":
        '''Hold the rollout where it is.'''

Modules with operations must stay cheap to import, and so must this one (every help page loads it: neither dataclasses
nor inspect): annotations of parameters are built-in types, everything else is imported inside the function that needs
it, and the result's type is written as a string.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from types import FunctionType
from typing import Any, Final, NamedTuple, get_args


class _Empty:
    """The default of a parameter that has none."""


EMPTY: Final = _Empty()


class Danger(StrEnum):
    """What an operation may do, which decides who is asked before it runs."""

    READ = "read"
    """Changes nothing."""
    WRITE = "write"
    """Changes state that can be changed back."""
    IRREVERSIBLE = "irreversible"
    """Cannot be undone: the surface asks for the name of the thing."""


class Arg(NamedTuple):
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


class Param(NamedTuple):
    """A parameter of an operation, read from the function's signature."""

    name: str
    type: Any
    """str, int, float, bool, list[str], or one of these with None. A file is a str: pathlib is dear at start-up."""
    arg: Arg
    default: Any = EMPTY

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.default is EMPTY


class Operation(NamedTuple):
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
    writes_document: bool = False
    """Whether its result has a `document: bytes`, which a surface can keep in a file."""
    restores_safety: bool = False
    """Whether it leads back to safety: no surface may slow it down with a question that `--yes` answers."""
    rehearses: bool = False
    """Whether it does its own dry run, because what it changes lies outside the registry: it asks `ctx.rehearsing`."""
    records_elsewhere: bool = False
    """Whether it records itself, in the registry it makes: the context's own may not exist, and must not come to be."""
    names_environment: bool = False
    """Whether production must be named on the command line: a variable left over in a shell does not choose it."""

    @property
    def summary(self) -> str:
        """The first line of the docstring: what it does, in one sentence."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The docstring below its first line."""
        lines = (self.function.__doc__ or "").strip().splitlines()[1:]
        return "\n".join(line.strip() for line in lines).strip()


REGISTRY: Final[dict[str, Operation]] = {}
"""Every operation by id, in order of declaration. Filled by importing `engine.ops.catalogue`."""


def operation(
    id: str,
    *,
    danger: Danger = Danger.READ,
    command: str = "",
    key: str = "",
    streams: bool = False,
    writes_document: bool = False,
    restores_safety: bool = False,
    rehearses: bool = False,
    records_elsewhere: bool = False,
    names_environment: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function as an operation.

    Args:
        id: `noun.verb`, unique.
        danger: What it may do.
        command: The words after `capctl`, where they are not the id's own.
        key: The key in the console.
        streams: It is a generator of events.
        writes_document: Its result has a `document: bytes`.
        restores_safety: It leads back to safety.
        rehearses: It does its own dry run.
        records_elsewhere: It records itself, in the registry it makes.
        names_environment: Production must be named for it on the command line.
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
            params=parameters(function),
            writes_document=writes_document,
            restores_safety=restores_safety,
            rehearses=rehearses,
            records_elsewhere=records_elsewhere,
            names_environment=names_environment,
        )
        return function

    return declare


def parameters(function: Callable[..., Any]) -> tuple[Param, ...]:
    """What a caller of an operation's function gives it: every parameter after the context.

    Raises:
        TypeError: A parameter is not `Annotated[type, Arg(...)]`.
    """
    assert isinstance(function, FunctionType)
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    positional = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    defaults = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
    defaults |= function.__kwdefaults__ or {}
    return tuple(_param(name, function.__annotations__.get(name), defaults.get(name, EMPTY)) for name in names)


def _param(name: str, annotation: Any, default: Any) -> Param:
    if hasattr(annotation, "__metadata__"):
        type_, *extras = get_args(annotation)
        for extra in extras:
            if isinstance(extra, Arg):
                return Param(name, type_, extra, default)
    raise TypeError(f"parameter {name!r} needs Annotated[type, Arg(...)], got {annotation!r}")
