"""The operational readiness review: what must be true before enforcement, and who has signed that it is."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.caller import BASE, CA_FILE, CLIENT_CERTIFICATE
from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.orr import CheckedReview, Rendered, ShownReview, ShownSignature

ITEM: Final = Arg("An item, infra.autoscaling.", positional=True, metavar="ITEM", suggest="item")
ITEMS: Final = Arg("Items or areas; everything without any.", positional=True, metavar="ITEM", suggest="item")


@operation("orr.show")
def show(
    ctx: "EngineContext",
    *,
    items: Annotated[list[str], ITEMS] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
) -> "ShownReview":
    """Show how every item stands, what blocks, and whether a signature holds."""
    from engine.ops.reviewing import show_review

    return show_review(ctx, items)


@operation("orr.check", danger=Danger.WRITE, key="c")
def check(
    ctx: "EngineContext",
    *,
    items: Annotated[list[str], ITEMS] = [],  # noqa: B006 - as above
    base: Annotated[str, BASE] = "",
    ca_file: Annotated[str, CA_FILE] = "",
    client_certificate: Annotated[str, CLIENT_CERTIFICATE] = "",
) -> "CheckedReview":
    """Run the probes side by side and keep what they find. Exit code 3 when an item of high severity is not met.

    Probes look at the chart, the cluster, Prometheus, the verifier and this installation, and change none of them. What
    cannot be seen is unknown, which is not met. A finding counts for a day.
    """
    from engine.ops.reviewing import check_items

    return check_items(ctx, items, base=base, ca_file=ca_file, client_certificate=client_certificate)


@operation("orr.attest", danger=Danger.WRITE, key="a")
def attest(
    ctx: "EngineContext",
    *,
    item: Annotated[str, ITEM],
    evidence: Annotated[list[str], Arg("A file that shows it; again for each.", metavar="FILE", suggest="file")],
) -> "ShownReview":
    """Give your word that an item is met, with the evidence for it. It expires.

    The files are kept under their hash, and the signature binds the hash.
    """
    from engine.ops.reviewing import attest_item

    return attest_item(ctx, item, evidence)


@operation("orr.waive", danger=Danger.WRITE, key="w")
def waive(
    ctx: "EngineContext",
    *,
    item: Annotated[str, ITEM],
    reason: Annotated[str, Arg("Why it can be done without for a while.")],
    approver: Annotated[str, Arg("The second person who agrees; never the one who waives.", metavar="NAME")],
    until: Annotated[str, Arg("When it ends, RFC 3339.", metavar="TIME")] = "",
    days: Annotated[int | None, Arg("Or after how many days, 30 at most.", metavar="N")] = None,
) -> "ShownReview":
    """Go without an item for a while: two people, a reason and an end."""
    from engine.ops.reviewing import waive_item

    return waive_item(ctx, item, reason=reason, approver=approver, until=until, days=days)


@operation("orr.sign", danger=Danger.WRITE, key="s", writes_document=True)
def sign(
    ctx: "EngineContext",
    *,
    valid_days: Annotated[int, Arg("For how many days it shall count, 14 at most.", metavar="N")] = 7,
    if_bound: Annotated[
        str, Arg("Only if what it binds is still what was shown, by its hash; the console gives it.", metavar="HASH")
    ] = "",
) -> "ShownSignature":
    """Sign the review with the tech lead's key; -o writes the signature. Exit code 4 while something blocks.

    The signature binds every item with its evidence, the image, the chart, the policies, the keyring and the audit
    trail. When one of them changes it no longer holds.
    """
    from engine.ops.reviewing import sign_review

    return sign_review(ctx, valid_days, if_bound=if_bound)


@operation("orr.verify", key="v")
def verify(
    ctx: "EngineContext",
    *,
    file: Annotated[
        str, Arg("A signature that was written with -o, instead of the kept one.", positional=True, metavar="FILE")
    ] = "",
) -> "ShownSignature":
    """Check the signature, and name what has changed since. Exit code 3 when it no longer holds, 4 without one."""
    from engine.ops.reviewing import verify_signature

    return verify_signature(ctx, file)


@operation("orr.render", writes_document=True)
def render(
    ctx: "EngineContext",
    *,
    blank: Annotated[bool, Arg("The checklist alone, without this environment's review.")] = False,
) -> "Rendered":
    """Write the checklist as Markdown, with how each item stands and who has signed; -o keeps it in a file."""
    from engine.ops.reviewing import render_review

    return render_review(ctx, blank=blank)
