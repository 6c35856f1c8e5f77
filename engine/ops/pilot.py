"""The SAP pilot: suppliers out of SAP, verified, and their verdicts back into SAP, effectively once.

Credentials come from SAP_USER and SAP_PASSWORD, or from the file that SAP_CREDENTIALS_FILE names (mode 0600).
"""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.pilot import (
        PilotStatus,
        PulledContext,
        RotatedKey,
        SystemCheck,
        VerifiedContext,
        WrittenBack,
    )

ODATA: Final = Arg("SAP's host, a service or a collection, as URL; SAP_URL without it.", metavar="URL")
CLIENT: Final = Arg("The SAP client, three digits; SAP_CLIENT without it.", metavar="NNN")
PAGE_SIZE: Final = Arg("Suppliers asked for at once; 0 leaves it to the server.", metavar="N")
CONDITION: Final = Arg("Which suppliers: an OData filter, evaluated by SAP.", flags=("--filter",), metavar="FILTER")
SANCTIONS: Final = Arg("The sanctions list: a name or root.", metavar="NAME|ROOT", suggest="list")
HIGH_RISK: Final = Arg("The list of high-risk regions: a name or root.", metavar="NAME|ROOT", suggest="list")
POLICY: Final = Arg(
    "The policy; lksg-sap.v1 where it is published, else the only one there is, else lksg.v1.",
    metavar="ID",
    suggest="policy",
)
BASE: Final = Arg("The verifier's URL; BASE without it; this machine's own verification without either.", metavar="URL")
TABLE: Final = Arg("The table or entity set that verdicts are written to.", metavar="NAME")
RUN_ID: Final = Arg("The run id: the same id never writes a row twice.", flags=("--idempotency",), metavar="RUN_ID")
BATCH: Final = Arg("Rows a request; 0 sends each in one of its own.", metavar="N")
UPDATE: Final = Arg("Overwrite what SAP holds under this run id, where it differs.")
FORCE: Final = Arg("Go on although the table's key cannot keep a row from being written twice.")
VALID_DAYS: Final = Arg("How long the statuses hold, in days from the evaluation.", metavar="N")
JWKS: Final = Arg("The verifier's key set as a file; from its URL, or this machine's own, without it.", metavar="FILE")
MAP: Final = Arg("A private file that keeps supplier numbers, instead of reading them again.", metavar="FILE")
CA_FILE: Final = Arg("Certificates to trust, PEM; the machine's own without it.", metavar="FILE", suggest="file")

DEFAULT_TABLE: Final = "Z_CAP_SUPPLIER_STATUS"


@operation("pilot.check", key="c")
def check(
    ctx: "EngineContext",
    *,
    odata: Annotated[str | None, ODATA] = None,
    client: Annotated[str | None, CLIENT] = None,
    table: Annotated[str, TABLE] = DEFAULT_TABLE,
    ca_file: Annotated[str | None, CA_FILE] = None,
) -> "SystemCheck":
    """Check the connection to SAP: logon, both services, what suppliers have, the table's key. Reads one supplier.

    It tries the password once. Exit code 3 when SAP refuses it, 5 when it cannot be reached.
    """
    from engine.ops.pilot_check import check_system

    return check_system(ctx, odata, client, table=table, ca_file=ca_file)


@operation("pilot.pull", writes_document=True)
def pull(
    ctx: "EngineContext",
    *,
    odata: Annotated[str | None, ODATA] = None,
    client: Annotated[str | None, CLIENT] = None,
    condition: Annotated[str, CONDITION] = "",
    page_size: Annotated[int, PAGE_SIZE] = 1000,
    sanctions: Annotated[str | None, SANCTIONS] = None,
    high_risk: Annotated[str | None, HIGH_RISK] = None,
    keep_map: Annotated[str | None, MAP] = None,
    ca_file: Annotated[str | None, CA_FILE] = None,
) -> "PulledContext":
    """Pull suppliers from SAP into a context; -o writes it. It holds keyed hashes, no numbers and no names.

    Complete or not at all: a supplier that comes twice, or fewer than SAP counted, ends the pull with exit code 3.
    """
    from engine.ops.piloting import pull_context

    return pull_context(
        ctx,
        odata=odata,
        client=client,
        condition=condition,
        page_size=page_size,
        sanctions=sanctions,
        high_risk=high_risk,
        keep_map=keep_map,
        ca_file=ca_file,
    )


@operation("pilot.verify", writes_document=True)
def verify(
    ctx: "EngineContext",
    *,
    context: Annotated[str, Arg("The context that was pulled.", flags=("--in",), metavar="FILE", suggest="file")],
    policy: Annotated[str | None, POLICY] = None,
    base: Annotated[str | None, BASE] = None,
) -> "VerifiedContext":
    """Verify a pulled context; -o writes the signed result. The token for a verifier comes from TOKEN."""
    from engine.ops.pilot_verification import verify_file

    return verify_file(ctx, context, policy=policy, base=base)


@operation("pilot.writeback", danger=Danger.WRITE, rehearses=True)
def writeback(
    ctx: "EngineContext",
    *,
    result: Annotated[str, Arg("The signed result.", flags=("--in",), metavar="FILE", suggest="file")],
    run_id: Annotated[str, RUN_ID],
    odata: Annotated[str | None, ODATA] = None,
    client: Annotated[str | None, CLIENT] = None,
    table: Annotated[str, TABLE] = DEFAULT_TABLE,
    batch_size: Annotated[int, BATCH] = 50,
    page_size: Annotated[int, PAGE_SIZE] = 1000,
    valid_days: Annotated[int, VALID_DAYS] = 365,
    update: Annotated[bool, UPDATE] = False,
    force: Annotated[bool, FORCE] = False,
    base: Annotated[str | None, BASE] = None,
    jwks: Annotated[str | None, JWKS] = None,
    number_map: Annotated[str | None, MAP._replace(flags=("--map",))] = None,
    ca_file: Annotated[str | None, CA_FILE] = None,
) -> "WrittenBack":
    """Write the verdicts of a signed result into SAP, and prove it by reading them back.

    Running it again with the same run id goes on where it stopped and writes nothing twice. The same run id with other
    content is a conflict. Exit code 3 when not every row could be proven.
    """
    from engine.ops.piloting import write_back_file

    return write_back_file(
        ctx,
        result,
        run_id=run_id,
        odata=odata,
        client=client,
        table=table,
        batch_size=batch_size,
        page_size=page_size,
        valid_days=valid_days,
        update=update,
        force=force,
        base=base,
        jwks=jwks,
        number_map=number_map,
        ca_file=ca_file,
    )


@operation("pilot.run", danger=Danger.WRITE, rehearses=True, key="g")
def run(
    ctx: "EngineContext",
    *,
    run_id: Annotated[str | None, RUN_ID] = None,
    odata: Annotated[str | None, ODATA] = None,
    client: Annotated[str | None, CLIENT] = None,
    policy: Annotated[str | None, POLICY] = None,
    base: Annotated[str | None, BASE] = None,
    table: Annotated[str, TABLE] = DEFAULT_TABLE,
    condition: Annotated[str, CONDITION] = "",
    sanctions: Annotated[str | None, SANCTIONS] = None,
    high_risk: Annotated[str | None, HIGH_RISK] = None,
    portion: Annotated[int, Arg("Suppliers verified at once.", metavar="N")] = 4000,
    batch_size: Annotated[int, BATCH] = 50,
    page_size: Annotated[int, PAGE_SIZE] = 1000,
    valid_days: Annotated[int, VALID_DAYS] = 365,
    force: Annotated[bool, FORCE] = False,
    ca_file: Annotated[str | None, CA_FILE] = None,
) -> "WrittenBack":
    """Pull, verify and write back under one run id, in portions.

    With the id of a run that was interrupted it goes on: what was pulled and verified stays as it was. Without an id it
    takes a new one and names it.
    """
    from engine.ops.pilot_runs import run_pilot

    return run_pilot(
        ctx,
        run_id=run_id,
        odata=odata,
        client=client,
        policy=policy,
        base=base,
        table=table,
        condition=condition,
        sanctions=sanctions,
        high_risk=high_risk,
        portion=portion,
        batch_size=batch_size,
        page_size=page_size,
        valid_days=valid_days,
        force=force,
        ca_file=ca_file,
    )


@operation("pilot.status")
def status(
    ctx: "EngineContext",
    *,
    run_id: Annotated[str | None, Arg("The run; the latest one without it.", positional=True, metavar="RUN_ID")] = None,
) -> "PilotStatus":
    """Show how far a pilot run is: verdicts, rules, rows in SAP, and what the audit trail ties together."""
    from engine.ops.pilot_status import pilot_status

    return pilot_status(ctx, run_id)


@operation("pilot.rotate", danger=Danger.WRITE, rehearses=True)
def rotate(ctx: "EngineContext") -> "RotatedKey":
    """Take a new secret for the keyed hashes of suppliers.

    What was pulled under the old ones can still be written back.
    """
    from engine.ops.piloting import rotate_key

    return rotate_key(ctx)
