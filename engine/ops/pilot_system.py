"""Which SAP system a command means, and everything that is opened to talk to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from engine.errors import InvalidInput, NotFound
from engine.sap.client import EntitySource, open_service
from engine.sap.connection import SapConnection
from engine.sap.credentials import find_credentials
from engine.sap.outbox import FOLDER, Outbox
from engine.sap.outbox import outbox_path as ledger_path
from engine.sap.pseudonym import Pseudonymizer, TenantKeyFile
from engine.sap.pull import SupplierReader
from engine.sap.retry import ATTEMPTS, Pacer
from engine.sap.target import STATUS_TABLE, SapTarget, parse_target

if TYPE_CHECKING:
    from engine.context import EngineContext

DEMO: Final = "demo"
DEMO_CLIENT: Final = "100"
DEMO_SYSTEM: Final = "the simulator"


def sap_folder(ctx: EngineContext) -> Path:
    """Where the pilot keeps its files."""
    return ctx.settings.state_dir / FOLDER


def tenant_keys(ctx: EngineContext) -> TenantKeyFile:
    """The secrets of this environment's tenant."""
    return TenantKeyFile(sap_folder(ctx) / "tenant-keys.json", ctx.random_bytes)


def outbox_path(ctx: EngineContext) -> Path:
    """Where the ledger of write-backs lies, once there is one."""
    return ledger_path(ctx.settings.state_dir)


def open_outbox(ctx: EngineContext) -> Outbox:
    """The ledger of write-backs; made where there is none."""
    return Outbox(outbox_path(ctx))


@contextmanager
def open_system(
    ctx: EngineContext,
    odata: str | None,
    client: str | None,
    *,
    table: str = STATUS_TABLE,
    ca_file: str | None = None,
    attempts: int = ATTEMPTS,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[SapConnection]:
    """Connect to the system that was named, by flag or variable; the demonstration brings its own.

    Args:
        ctx: On whose behalf.
        odata: Its URL; that of the environment variable when None.
        client: Its SAP client, likewise.
        table: Where statuses are written to.
        ca_file: Certificates to trust.
        attempts: How often one request is tried where nothing answers or the server asks to wait.
        environ: The process environment.

    Raises:
        InvalidInput: No system is named, or it is misspelt.
    """
    url = odata or environ.get("SAP_URL", "")
    number = client if client is not None else environ.get("SAP_CLIENT", "")
    if not url and ctx.env == DEMO:
        with _simulated(ctx) as simulated:
            target = replace(parse_target(simulated, DEMO_CLIENT, table=table), system=DEMO)
            with _connected(ctx, target, ca_file=None, attempts=attempts, environ={}) as connection:
                yield connection
        return
    if not url:
        hint = "Give --odata https://HOST:PORT or set SAP_URL; --env demo brings a simulated system."
        raise InvalidInput("sap.no_url", "No SAP system is named", hint)
    target = parse_target(url, number, table=table)
    with _connected(ctx, target, ca_file=ca_file, attempts=attempts, environ=environ) as connection:
        yield connection


def named_system(ctx: EngineContext, *, odata: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """What to call the system that a command without `--odata` means; empty where none is named.

    Raises:
        InvalidInput: Its URL is none.
    """
    url = odata or environ.get("SAP_URL", "")
    if url:
        return urlsplit(parse_target(url, "").base).netloc
    return DEMO_SYSTEM if ctx.env == DEMO else ""


def supplier_source(connection: SapConnection) -> EntitySource:
    """The suppliers of a system.

    Raises:
        NotFound: Its service has no such entity set.
        EngineError: What the server answers.
    """
    target = connection.target
    service = open_service(connection, target.read_root, what=f"open {target.read_service}")
    names = [entity_set.name for entity_set in service.schema.entity_sets]
    if target.read_set not in names:
        hint = f"It has {', '.join(sorted(names)[:8]) or 'none'}; name one of them at the end of --odata."
        raise NotFound("sap.set_missing", f"{target.read_service} has no {target.read_set}", hint)
    return EntitySource(connection, service, target.read_root, target.read_set)


def supplier_reader(
    ctx: EngineContext,
    connection: SapConnection,
    pseudonymizer: Pseudonymizer,
    *,
    page_size: int,
    condition: str = "",
) -> SupplierReader:
    """A reader of the system's suppliers that tells how far it is."""
    source = supplier_source(connection)
    return SupplierReader(source, pseudonymizer, condition=condition, page_size=page_size, emit=ctx.emit)


@contextmanager
def _connected(
    ctx: EngineContext, target: SapTarget, *, ca_file: str | None, attempts: int, environ: Mapping[str, str]
) -> Iterator[SapConnection]:
    pacer = Pacer(clock=ctx.clock, sleep=ctx.sleep, emit=ctx.emit, attempts=attempts)
    connection = SapConnection(target, find_credentials(environ), pacer, ca_file=ca_file)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _simulated(ctx: EngineContext) -> Iterator[str]:
    """The demonstration's own system, which keeps what was written: the running one, else one for this command."""
    from engine.demo.access import read_sap
    from engine.sap.simulator import SimulatorServer

    if running := read_sap(ctx.settings.state_dir):
        yield running
        return
    folder = sap_folder(ctx)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with SimulatorServer(folder / "simulator.sqlite", today=ctx.clock.now().date()) as simulator:
        yield simulator.url
