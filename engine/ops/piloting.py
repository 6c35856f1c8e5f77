"""Pull and write-back of single files, as commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.decision.context import MAX_SUPPLIERS, context_hash
from engine.errors import InvalidInput, Refused
from engine.ids import is_hash
from engine.ops.pilot_system import open_system, supplier_reader, tenant_keys
from engine.ops.pilot_verification import key_set, read_signed
from engine.ops.pilot_writing import WriteOptions, Writing
from engine.ops.results.lists import ListedSet
from engine.ops.results.pilot import PulledContext, RotatedKey, WrittenBack
from engine.sap.numbers import NumberMap
from engine.sap.target import check_run_id

if TYPE_CHECKING:
    from engine.context import EngineContext

LISTS: Final = {
    "sanctions_root": ("sanctions", "sanctions-demo"),
    "high_risk_root": ("high-risk", "high-risk-regions"),
}
"""Which lists a context names where the operator names none: the first of these that there is."""


def pull_context(
    ctx: EngineContext,
    *,
    odata: str | None,
    client: str | None,
    condition: str,
    page_size: int,
    sanctions: str | None,
    high_risk: str | None,
    keep_map: str | None,
    ca_file: str | None,
) -> PulledContext:
    """Pull suppliers into one context; see `engine.ops.pilot.pull`."""
    keys = tenant_keys(ctx).open(ctx.clock.now())
    lists = named_lists(ctx, sanctions, high_risk)
    records: list[dict[str, Any]] = []
    numbers: list[tuple[str, str]] = []
    with open_system(ctx, odata, client, ca_file=ca_file) as connection:
        reader = supplier_reader(ctx, connection, keys.active, page_size=page_size, condition=condition)
        for supplier in reader.suppliers():
            if len(records) == MAX_SUPPLIERS:
                hint = "Use capctl pilot run, which works in portions, or narrow it with --filter."
                raise InvalidInput("pilot.too_many", f"SAP has more than {MAX_SUPPLIERS} suppliers", hint)
            records.append(supplier.record)
            if keep_map:
                numbers.append((supplier.record["supplier_hash"], supplier.supplier_id))
    context = context_of(records, lists, keys.active.key_id)
    if keep_map:
        NumberMap.write(Path(keep_map), numbers)
    names = {role.removesuffix("_root"): _named(entry) for role, entry in lists.items()}
    return PulledContext(context, context_hash(context), keys.active.key_id, reader.absent, names)


def context_of(records: Sequence[dict[str, Any]], lists: Mapping[str, ListedSet], key_id: str) -> dict[str, Any]:
    """The context of some suppliers. The order in which SAP sent them does not count."""
    return {
        "suppliers": sorted(records, key=lambda record: str(record["supplier_hash"])),
        "variables": {"supplier_key_id": key_id},
        **{role: entry.root for role, entry in lists.items()},
    }


def named_lists(ctx: EngineContext, sanctions: str | None, high_risk: str | None) -> dict[str, ListedSet]:
    """The reference lists that a context names.

    Raises:
        NotFound: A list is not there.
        Refused: This is production, and only a list for demonstrations is there.
    """
    from engine.ops.reference_sets import list_lists, show_list

    available = {entry.name: entry for entry in list_lists(ctx).lists}
    chosen = {}
    for (role, usual), given in zip(LISTS.items(), (sanctions, high_risk), strict=True):
        name = given or next((name for name in usual if name in available), usual[0])
        # A verifier elsewhere may know lists that this machine does not: a whole root is taken as it is.
        known = not is_hash(name) or any(entry.root == name for entry in available.values())
        chosen[role] = show_list(ctx, name, "").entry if known else ListedSet(name, name, 0, ctx.clock.now())
        if ctx.settings.is_production and chosen[role].imported_at is None:
            hint = "Import the real one with capctl lists import, and name it."
            raise Refused("pilot.demonstration_list", f"{chosen[role].name} is a list for demonstrations", hint)
    return chosen


def write_back_file(
    ctx: EngineContext,
    path: str,
    *,
    run_id: str,
    odata: str | None,
    client: str | None,
    table: str,
    batch_size: int,
    page_size: int,
    valid_days: int,
    update: bool,
    force: bool,
    base: str | None,
    jwks: str | None,
    number_map: str | None,
    ca_file: str | None,
) -> WrittenBack:
    """Write one signed result back; see `engine.ops.pilot.writeback`."""
    from engine.ops.files import read_bytes

    options = WriteOptions(check_run_id(run_id), batch_size, page_size, _days(valid_days), update, force)
    keys = key_set(ctx, base=base, jwks=jwks)
    result = read_signed(read_bytes(path, what="result"), keys, now=ctx.clock.now())
    with open_system(ctx, odata, client, table=table, ca_file=ca_file) as connection:
        kept = NumberMap.read(Path(number_map)) if number_map else None
        return Writing(ctx, connection, [result.document], options, action="pilot.writeback", kept=kept).carry_out()


def _named(entry: ListedSet) -> str:
    return entry.name if entry.imported_at else f"{entry.name} (shipped, for demonstrations)"


def rotate_key(ctx: EngineContext) -> RotatedKey:
    """Take a new secret; see `engine.ops.pilot.rotate`."""
    file = tenant_keys(ctx)
    keys = file.open(ctx.clock.now()) if ctx.rehearsing else file.rotate(ctx.clock.now())
    return RotatedKey(keys.active.key_id, keys.key_ids)


def _days(valid_days: int) -> int:
    if not 1 <= valid_days <= 3650:
        raise InvalidInput("pilot.valid_days", f"A status cannot hold for {valid_days} days", "Give 1 to 3650.")
    return valid_days
