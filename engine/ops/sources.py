"""A policy by what a user calls it: an id, or a file."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.policy.ir import PolicyIR

SUFFIXES: Final = (".yaml", ".yml", ".json")


def is_file_name(name: str) -> bool:
    """Whether a name means a file: it has a folder, a suffix of policies, or is `-`. Ids have none of these."""
    return name == "-" or "/" in name or name.endswith(SUFFIXES)


def resolve_policy(ctx: "EngineContext", name: str) -> "PolicyIR":
    """The IR of a policy id (published, else shipped), of a policy file or of an IR file.

    Raises:
        InvalidInput: The file holds neither a policy nor an IR.
        Unavailable: There is no such policy or file, or it cannot be read.
    """
    return load_ir(name) if is_file_name(name) else ctx.catalog.policy(name)


def load_ir(path: str) -> "PolicyIR":
    """The IR in a file: IR as JSON is read and verified, YAML is compiled. Raises what `resolve_policy` raises."""
    from engine.ops.files import read_bytes
    from engine.policy import compile_policy, lint, read_ir

    data = read_bytes(path, what="policy")
    if data.lstrip()[:1] == b"{":
        return read_ir(data)
    return compile_policy(lint(data, file=path).accepted())
