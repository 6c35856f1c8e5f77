"""The servers that the adapter must get along with. Each counts its rows without the adapter's help."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from engine.sap.simulator.schema import STATUS, SUPPLIERS, EntitySet
from engine.sap.simulator.seed import suppliers

TODAY = date(2026, 1, 1)
CAP = Path(__file__).parent / "cap"
CAP_START_S = 60


class CountRows(Protocol):
    """Every row of a run, found without OData V2: pairs of supplier number and content."""

    def __call__(self, run_id: str) -> list[dict[str, Any]]: ...


class Server(NamedTuple):
    """A server that runs."""

    odata: str
    """As `--odata` names it."""
    rows: CountRows


@contextmanager
def mock_sap(folder: Path) -> Iterator[Server]:
    """PyPI's mock-sap, with the pilot's two services declared to it."""
    mocksap = pytest.importorskip("mocksap", reason="mock-sap is not installed (requirements/dev.in)")
    from mocksap import schema
    from mocksap.server import Config, make_server

    assert mocksap
    for entity_set in (SUPPLIERS, STATUS):
        _declare(schema, entity_set)
    database = folder / "mock-sap.sqlite"
    httpd = make_server(Config(port=0, db_path=str(database), quiet=True, log_requests=False))
    with sqlite3.connect(database) as connection:
        for row in suppliers(50, TODAY):
            names = ", ".join(f'"{name}"' for name in row)
            values = [int(value) if isinstance(value, bool) else value for value in row.values()]
            connection.execute(f'INSERT INTO "Supplier" ({names}) VALUES ({", ".join("?" * len(row))})', values)
    connection.close()
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()

    def rows(run_id: str) -> list[dict[str, Any]]:
        with sqlite3.connect(database) as counting:
            counting.row_factory = sqlite3.Row
            found = counting.execute('SELECT * FROM "SupplierStatus" WHERE "RunId" = ?', (run_id,)).fetchall()
        counting.close()
        return [dict(row) for row in found]

    yield Server(f"http://127.0.0.1:{httpd.server_port}", rows)
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def _declare(schema: Any, entity_set: EntitySet) -> None:
    props = [
        schema.Prop(
            p.name,
            p.type,
            key=p.name in entity_set.key,
            nullable=p.nullable,
            max_length=p.max_length,
            precision=p.precision,
            scale=p.scale,
        )
        for p in entity_set.properties
    ]
    schema.ENTITY_TYPES[entity_set.type_name] = schema.EntityType(entity_set.type_name, props)
    schema.SERVICES[entity_set.service] = schema.Service(
        entity_set.service, entity_set.service, entity_set.name, {entity_set.name: entity_set.type_name}
    )


@contextmanager
def cap(folder: Path) -> Iterator[Server]:
    """SAP's own CAP server from npm, installed once from its lock file."""
    modules = _cap_modules()
    project = folder / "cap"
    shutil.copytree(CAP, project)
    (project / "node_modules").symlink_to(modules)
    _write_suppliers(project / "srv" / "data" / "Z_CAP_SUPPLIERS_SRV.SupplierSet.csv")
    port = _free_port()
    with (folder / "cap.log").open("wb") as log:
        process = subprocess.Popen(
            ["node", str(modules / "@sap" / "cds" / "bin" / "serve.js"), "--port", str(port)],
            cwd=project,
            stdout=log,
            stderr=log,
            env={**os.environ, "CDS_TELEMETRY_DISABLED": "true", "PORT": str(port)},
        )
    v4 = f"http://127.0.0.1:{port}/odata/v4/Z_CAP_STATUS_SRV/SupplierStatusSet"
    try:
        _wait_for(v4, process)

        def rows(run_id: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            url = f"{v4}?$filter=RunId%20eq%20%27{run_id}%27"
            while url:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    page = json.load(answer)
                found += page["value"]
                following = page.get("@odata.nextLink")
                url = f"{v4.rpartition('/')[0]}/{following}" if following else ""
            return found

        yield Server(f"http://127.0.0.1:{port}/odata/v2", rows)
    finally:
        process.terminate()
        process.wait(10)


def _cap_modules() -> Path:
    """The installed packages of the lock file, kept between runs beside the environment."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed (Debian: nodejs npm)")
    place = Path(os.environ.get("CAPCTL_CAP_MODULES", "")) if os.environ.get("CAPCTL_CAP_MODULES") else None
    cache = place or CAP.parents[3] / ".venv" / "cap-server"
    lock = (CAP / "package-lock.json").read_bytes()
    installed = cache / "package-lock.json.installed"
    if not installed.exists() or installed.read_bytes() != lock:
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(CAP / name, cache / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install SAP's CAP server here (exit {done.returncode})")
        installed.write_bytes(lock)
    return cache / "node_modules"


def _write_suppliers(path: Path) -> None:
    names = [p.name for p in SUPPLIERS.properties if p.name not in ("AnnualSpend", "Iban")]
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(names)
        for row in suppliers(50, TODAY):
            audit, channel = row["LastAuditDate"] or "", str(row["GrievanceChannel"]).lower()
            writer.writerow([{**row, "LastAuditDate": audit[:10], "GrievanceChannel": channel}[name] for name in names])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(CAP_START_S * 10):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("SAP's CAP server did not start; see cap.log")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
