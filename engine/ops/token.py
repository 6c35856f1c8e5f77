"""Access tokens of the embedded issuer, for development and demonstration."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.token import MintedToken, ShownToken


@operation("token.mint")
def mint(
    ctx: "EngineContext",
    *,
    scope: Annotated[
        str, Arg("What it allows, such as verify:run,rollout:read; everything without it.", metavar="SCOPES")
    ] = "",
    subject: Annotated[str, Arg("Whose it is.", metavar="NAME")] = "developer",
    ttl: Annotated[int, Arg("How long it is good, in seconds; at most a day.", metavar="SECONDS")] = 3600,
) -> "MintedToken":
    """Make an access token for this machine's verifier; production has an issuer of its own.

    On a script's side: TOKEN=$(capctl token mint --scope verify:run).
    """
    from engine.ops.tokens import mint_token

    return mint_token(ctx, scopes=scope, subject=subject, ttl_s=ttl)


@operation("token.show")
def show(
    ctx: "EngineContext",
    *,
    token: Annotated[str, Arg("The token; - reads stdin, which keeps it out of the process list.", positional=True)],
) -> "ShownToken":
    """Show what a token allows and whether a verifier of this environment lets it in. Exit code 3 when not."""
    from engine.ops.tokens import show_token

    return show_token(ctx, token)
