"""Turns operations into Typer commands.

A command's signature is made from the operation's parameters and the options that every command takes; its help page
is `capctl.cli.help`'s. Groups build a command when it is asked for, so an invocation binds one operation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from capctl.cli.commands import Words, children, command_at
from capctl.cli.diagnostics import ExitCode
from capctl.cli.help import HELP_FLAGS, page
from capctl.cli.options import Options, options_of
from capctl.text.spelling import metavar, spellings, takes_many, value_type
from capctl.text.values import read_value
from engine.ops.spec import Arg, Operation, Param

CONTEXT: Final = "typer_context"
"""Name of the parameter that receives Typer's context; no operation's parameter may have it."""
HELP: Final = Param("help", bool, Arg("Show this page."), False)
NEGATIVE_NUMBER: Final = re.compile(r"-[0-9.]+")
SETTINGS: Final[dict[str, Any]] = {"help_option_names": list(HELP_FLAGS)}


class Reader:
    """Reads the value of one parameter; stands where Typer keeps its own `RuntimeParam`, which asks pydantic."""

    def __init__(self, param: Param) -> None:
        self._param = param

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, typed.

        Raises:
            typer.BadParameter: The text is no such value.
        """
        try:
            return read_value(self._param, value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx, param) from None


class _Paged:
    """What commands and groups have in common: their help is their page."""

    words: Words = ()
    only: tuple[str, ...] = ()

    def get_help(self, ctx: Any) -> str:
        return page(self.words, prog=ctx.find_root().info_name, only=self.only)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # No option is spelt with digits: a negative number is a value, which its reader refuses in words of its own.
        ctx.ignore_unknown_options = any(NEGATIVE_NUMBER.fullmatch(word) for word in args)
        rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return rest

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.get_runtime_param = partial(Reader, HELP)
        return option


class PagedCommand(_Paged, TyperCommand):
    """A command whose help is its page."""


class PagedGroup(_Paged, TyperGroup):
    """A group whose help is its page."""


class LazyCommands(Mapping[str, Any]):
    """The commands under some words, each built when it is looked up."""

    def __init__(self, words: Words, only: tuple[str, ...] = ()) -> None:
        self._words = words
        self._names = only or children(words)
        self._build = lru_cache(maxsize=None)(build)

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._build((*self._words, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def build(words: Words, *, only: tuple[str, ...] = ()) -> Any:
    """The Typer command or group of these words.

    Args:
        words: The words after the program's name; empty for the whole tree.
        only: The first words to offer, where a program offers less than all.
    """
    op = None if only else command_at(words)
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
        invoke_without_command=op is not None,
    )
    if only or children(words):
        app.callback(cls=PagedGroup)(command_function(op) if op else _nothing)
        built: Any = typer.main.get_command(app)
        built.commands = LazyCommands(words, only)
    else:
        assert op is not None
        app.command(words[-1], cls=PagedCommand)(command_function(op))
        built = typer.main.get_command(app)
    built.words, built.only = words, only
    if op:
        _read_values_ourselves(built, op)
    return built


def _read_values_ourselves(command: Any, op: Operation) -> None:
    readers = {param.name: partial(Reader, param) for param in (*op.params, *options_of(op))}
    for parameter in command.params:
        if reader := readers.get(parameter.name):
            parameter.get_runtime_param = reader


def _nothing() -> None:
    """A group without an action of its own."""


def command_function(op: Operation) -> Callable[..., ExitCode]:
    """The function Typer calls for an operation, with the signature Typer reads."""
    common = options_of(op)

    def invoke(**values: Any) -> ExitCode:
        context: typer.Context = values.pop(CONTEXT)
        options = Options(**{param.name: values.pop(param.name) for param in common})
        options = options.over(context.parent.obj if context.parent else None)
        context.obj = options
        if context.invoked_subcommand:
            return _pass_on(op, values, context)
        from capctl.cli.session import perform

        return perform(op, values, options)

    parameters = [inspect.Parameter(CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    parameters += [_parameter(param) for param in (*op.params, *common)]
    signature = inspect.Signature(parameters, return_annotation=ExitCode)
    invoke.__signature__ = signature  # type: ignore[attr-defined]
    invoke.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    invoke.__doc__ = op.summary
    return invoke


def _pass_on(op: Operation, values: dict[str, Any], context: typer.Context) -> ExitCode:
    """Leave the work to the subcommand; an option that would be ignored is an error."""
    for param in op.params:
        if values[param.name] != param.default:
            flag = spellings(param)[-1]
            raise typer.BadParameter(f"{flag} does not go with the command {context.invoked_subcommand!r}", context)
    return ExitCode.DONE


def _parameter(param: Param) -> inspect.Parameter:
    kind: Any = value_type(param)
    if takes_many(param):
        kind = list[kind]
    elif param.default is None:
        kind = kind | None
    if param.arg.positional:
        extra: Any = typer.Argument(help=param.arg.help, metavar=metavar(param))
    else:
        extra = typer.Option(*spellings(param), help=param.arg.help, metavar=metavar(param) or None)
    default = inspect.Parameter.empty if param.required else param.default
    return inspect.Parameter(
        param.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, extra]
    )
