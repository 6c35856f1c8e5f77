"""Keys: which there are, what each is for, and how one takes the place of another."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.keys import KeyDetail, KeyList, RotationStatus

RESPONSE: Final = "response"
PLACES: Final = ("file", "pkcs11", "vault", "awskms")
MADE: Final = ("registry", "response", "checkpoint", "backup", "orr")
PURPOSE: Final = Arg("Whose key.", choices=("response", "registry", "backup", "orr"))
KID: Final = Arg("A key id, or the beginning of one.", positional=True, metavar="KID")


@operation("keys.list")
def list_keys(ctx: "EngineContext") -> "KeyList":
    """List the keys of the keyring: what each is for, whether it signs, and until when it is accepted."""
    from engine.ops.keyring import list_keys as listed

    return listed(ctx, everywhere=True)


@operation("keys.show")
def show(ctx: "EngineContext", *, kid: Annotated[str, KID]) -> "KeyDetail":
    """Show one key with its public half as a JWK."""
    from engine.ops.keyring import show_key

    return show_key(ctx, kid)


@operation("keys.status")
def status(ctx: "EngineContext", *, purpose: Annotated[str, PURPOSE] = RESPONSE) -> "RotationStatus":
    """Show where a rotation stands: what is accepted right now, and what the next step still needs."""
    from engine.ops.keyring import status as described

    return described(ctx, purpose)


@operation("keys.init", danger=Danger.WRITE, rehearses=True)
def init(
    ctx: "EngineContext",
    *,
    purpose: Annotated[
        str | None, Arg("Only this one; without it, what every environment needs.", choices=MADE)
    ] = None,
) -> "KeyList":
    """Make the keyring, and keys for purposes that have none; what was stored before is signed.

    Outside production this happens by itself, when a key is first needed. Keys that are there stay as they are.
    """
    from engine.ops.keyring import initialise

    return initialise(ctx, purpose)


@operation("keys.renew", danger=Danger.WRITE, rehearses=True)
def renew(ctx: "EngineContext") -> "KeyList":
    """Issue the keyring anew for another year. Every other change does so too."""
    from engine.ops.keyring import renew as issue

    return issue(ctx)


@operation("keys.prepare", danger=Danger.WRITE, command="keys rotate prepare", rehearses=True)
def prepare(
    ctx: "EngineContext",
    *,
    purpose: Annotated[str, PURPOSE] = RESPONSE,
    backend: Annotated[
        str | None,
        Arg("Where the new key is made; without it, where the setting key_backend says.", choices=PLACES),
    ] = None,
) -> "RotationStatus":
    """Begin a rotation: make the new key and try it out. Nobody accepts it yet."""
    from engine.ops.keyring import prepare as begin

    return begin(ctx, purpose, backend)


@operation("keys.dual_accept", danger=Danger.WRITE, command="keys rotate dual-accept", rehearses=True)
def dual_accept(ctx: "EngineContext", *, purpose: Annotated[str, PURPOSE] = RESPONSE) -> "RotationStatus":
    """Publish the new key beside the old one: both are accepted, the old one signs."""
    from engine.ops.keyring import dual_accept as accept

    return accept(ctx, purpose)


@operation("keys.switch", danger=Danger.WRITE, command="keys rotate switch", rehearses=True)
def switch(ctx: "EngineContext", *, purpose: Annotated[str, PURPOSE] = RESPONSE) -> "RotationStatus":
    """Sign with the new key: both are accepted. Needs every verifier to know it. Exit code 4 while one does not.

    With the registry's key, every policy and list is signed again; running it again signs what is left.
    """
    from engine.ops.keyring import switch as sign_anew

    return sign_anew(ctx, purpose)


@operation("keys.decommission", danger=Danger.IRREVERSIBLE, command="keys rotate decommission", rehearses=True)
def decommission(
    ctx: "EngineContext",
    *,
    purpose: Annotated[str, PURPOSE] = RESPONSE,
    at: Annotated[str, Arg("From when on the old key is refused (RFC 3339); at once without it.", metavar="TIME")] = "",
) -> "RotationStatus":
    """End the old key: from that instant on it is refused, and its private half is destroyed.

    Needs whatever the old key signed to have run out, and no policy or list that only the old key has signed. Exit
    code 4 before that, and 5 where the private half could not be destroyed: run it again when it can be reached.
    """
    from engine.ops.keyring import decommission as end

    return end(ctx, purpose, at)


@operation("keys.abort", danger=Danger.WRITE, command="keys rotate abort", key="a", rehearses=True)
def abort(ctx: "EngineContext", *, purpose: Annotated[str, PURPOSE] = RESPONSE) -> "RotationStatus":
    """Give a rotation up, before the new key signs; it is destroyed, and the old one goes on.

    Exit code 5 where it could not be destroyed: run it again when it can be reached.
    """
    from engine.ops.keyring import abort as give_up

    return give_up(ctx, purpose)


@operation("keys.revoke", danger=Danger.IRREVERSIBLE, key="x", rehearses=True)
def revoke(
    ctx: "EngineContext",
    *,
    kid: Annotated[str, Arg("Which key: its id, or the beginning of it.", metavar="KID")],
    reason: Annotated[str, Arg("Why.", choices=("compromised", "lost", "withdrawn"))],
) -> "RotationStatus":
    """Accept nothing any more that a key ever signed, at once; another one takes its place.

    For a key that somebody else may have. It waits for nothing: results that it signed are refused from now on, and
    policies that only it has signed are too, until they are published again from their source. Exit code 5 where its
    private half could not be destroyed: run it again when it can be reached.
    """
    from engine.ops.keyring import revoke as refuse

    return refuse(ctx, kid, reason)
