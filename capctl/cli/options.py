"""The options that every command takes, whatever it does."""

from typing import Final, NamedTuple

from engine.ops.spec import Arg, Danger, Operation, Param

OUTPUTS: Final = ("text", "json")

OUTPUT: Final = Param("output", str, Arg("Text for people, or JSON for scripts.", choices=OUTPUTS), "text")
ENV: Final = Param("env", str | None, Arg("The environment to act in.", metavar="NAME"), None)
QUIET: Final = Param("quiet", bool, Arg("Say nothing but the result and errors."), False)
NO_COLOR: Final = Param("no_color", bool, Arg("No colour; so does the variable NO_COLOR."), False)
YES: Final = Param("yes", bool, Arg("Answer yes to the confirmation: for scripts."), False)
DRY_RUN: Final = Param("dry_run", bool, Arg("Do everything, keep nothing."), False)
OUT: Final = Param(
    "document_file",
    str | None,
    Arg("Write the document to this file, or - for stdout.", flags=("-o", "--out"), metavar="FILE"),
    None,
)


class Options(NamedTuple):
    """What the user asked of every command alike."""

    output: str = "text"
    env: str | None = None
    quiet: bool = False
    no_color: bool = False
    yes: bool = False
    dry_run: bool = False
    document_file: str | None = None

    @property
    def as_json(self) -> bool:
        """Whether stdout carries JSON."""
        return self.output == "json"

    def over(self, outer: "Options | None") -> "Options":
        """These options, and where they say nothing, those of the command around."""
        if outer is None:
            return self
        return outer._replace(**{k: v for k, v in self._asdict().items() if v != self._field_defaults[k]})


def options_of(op: Operation) -> tuple[Param, ...]:
    """The options a command takes beside its own parameters.

    Every command accepts `--yes`, so that a script need not know which ones ask.
    """
    own = {param.name for param in op.params}
    offered = [OUTPUT, ENV, YES, QUIET, NO_COLOR]
    if op.danger is not Danger.READ:
        offered.insert(0, DRY_RUN)
    if op.writes_document:
        offered.insert(0, OUT)
    return tuple(param for param in offered if param.name not in own)
