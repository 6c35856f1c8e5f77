"""Policies: from YAML to a published IR."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.policy import (
        CompiledPolicy,
        LintResult,
        PolicyChanges,
        PolicyList,
        PublishResult,
        ShownPolicy,
    )

FILE: Final = Arg("A policy as YAML; - reads stdin.", positional=True, metavar="FILE", suggest="file")
PUBLISHED: Final = Arg(
    "A policy as YAML, or the id of a shipped one; - reads stdin.", positional=True, metavar="FILE|ID", suggest="file"
)
LINT: Final = Arg("strict refuses on errors; relaxed compiles what can be compiled.", choices=("strict", "relaxed"))
SOURCE: Final = Arg(
    "A policy id, or a file (YAML, or IR as JSON).", positional=True, metavar="ID|FILE", suggest="policy"
)


@operation("policy.lint")
def lint(
    ctx: "EngineContext",  # noqa: ARG001 - every operation takes it
    *,
    files: Annotated[
        list[str], Arg("Policies as YAML; - reads stdin.", positional=True, metavar="FILE", suggest="file")
    ],
) -> "LintResult":
    """Find what is wrong with policies, with line, column and a fix. Exit code 3 when there are errors."""
    from engine.ops.files import read_bytes
    from engine.ops.results.policy import LintResult
    from engine.policy import lint as lint_policy

    return LintResult(tuple(lint_policy(read_bytes(file, what="policy"), file=file) for file in files))


@operation("policy.compile", writes_document=True)
def compile(
    ctx: "EngineContext",  # noqa: ARG001 - every operation takes it
    *,
    file: Annotated[str, FILE],
    lint: Annotated[str, LINT] = "strict",
) -> "CompiledPolicy":
    """Compile a policy to IR and show its hashes; -o writes the IR in canonical JSON."""
    from engine.ops.policies import compile_file

    return compile_file(file, strict=lint == "strict")


@operation("policy.publish", danger=Danger.WRITE)
def publish(ctx: "EngineContext", *, file: Annotated[str, PUBLISHED]) -> "PublishResult":
    """Compile a policy and publish it under its id. Publishing the same content again changes nothing.

    A published id stands for its content forever: changed content needs a new id, or goes through a rollout as its
    candidate.
    """
    from engine.ops.policies import publish_file

    return publish_file(ctx, file)


@operation("policy.show", writes_document=True)
def show(
    ctx: "EngineContext",
    *,
    policy: Annotated[str, SOURCE],
    source: Annotated[bool, Arg("The YAML it was published from, instead of the IR.")] = False,
) -> "ShownPolicy":
    """Show a policy: its rules, when they are active, and its hashes; -o writes the IR, or with --source the YAML."""
    from engine.ops.policies import show_policy

    return show_policy(ctx, policy, source=source)


@operation("policy.list")
def list_policies(ctx: "EngineContext") -> "PolicyList":
    """List the published policies, and those that are shipped."""
    from engine.ops.policies import list_policies as listed

    return listed(ctx)


@operation("policy.diff")
def diff(
    ctx: "EngineContext",
    *,
    before: Annotated[str, SOURCE],
    after: Annotated[str, SOURCE],
) -> "PolicyChanges":
    """Compare two policies rule by rule; layout and comments do not count."""
    from engine.ops.policies import diff_policies

    return diff_policies(ctx, before, after)
