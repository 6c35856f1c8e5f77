"""Policies: compiled from files, published, shown, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.ops.results.policy import (
    CompiledPolicy,
    ListedPolicy,
    PolicyChanges,
    PolicyList,
    PublishResult,
    ShownPolicy,
)

if TYPE_CHECKING:
    from engine.context import EngineContext


def compile_file(path: str, *, strict: bool) -> CompiledPolicy:
    """Compile a policy file.

    Args:
        path: YAML, as the user named it.
        strict: Refuse on any error, not only on those that make an IR impossible.

    Raises:
        InvalidInput: It does not compile; the message holds the first finding.
        Unavailable: It cannot be read.
    """
    from engine.ops.files import read_bytes

    return _compile(read_bytes(path, what="policy"), path, strict=strict)


def _compile(source: bytes, path: str, *, strict: bool) -> CompiledPolicy:
    from engine.policy import compile_policy, lint

    report = lint(source, file=path)
    return CompiledPolicy(compile_policy(report.accepted(strict=strict)), source, report)


def publish_file(ctx: EngineContext, name: str) -> PublishResult:
    """Compile a policy, a file or a shipped one, strictly and publish it. Raises as `compile_file`, and Conflict."""
    from engine.audit import AuditEvent
    from engine.ops.sources import is_file_name
    from engine.policies import shipped

    given = None if is_file_name(name) else shipped().get(name)
    compiled = _compile(given, f"{name}.yaml", strict=True) if given else compile_file(name, strict=True)
    ir = compiled.ir
    event = AuditEvent(
        "policy.publish", "done", ctx.store.pseudonym(ctx.actor), object=ir.policy_id, evidence=ir.ir_hash
    )
    published = ctx.store.publish(ir, compiled.source, at=ctx.clock.now(), audit=event)
    return PublishResult(published, compiled.report.warnings)


def show_policy(ctx: EngineContext, name: str, *, source: bool) -> ShownPolicy:
    """A policy by id or file, with the YAML it was published from where that is asked for."""
    from engine.ops.files import read_bytes
    from engine.ops.sources import is_file_name, resolve_policy

    ir = resolve_policy(ctx, name)
    if not source:
        return ShownPolicy(ir, None)
    return ShownPolicy(ir, read_bytes(name, what="policy") if is_file_name(name) else _source(ctx, name))


def list_policies(ctx: EngineContext) -> PolicyList:
    """Every published policy, then the shipped ones that are not published."""
    from engine.policies import shipped

    published = [ListedPolicy(p.policy_id, p.policy_hash, p.ir_hash, p.published_at) for p in ctx.store.policies()]
    known = {policy.policy_id for policy in published}
    return PolicyList((*published, *(_shipped(id) for id in shipped() if id not in known)))


def diff_policies(ctx: EngineContext, before: str, after: str) -> PolicyChanges:
    """What changed from one policy to another."""
    from engine.ops.sources import resolve_policy
    from engine.policy import diff_policies as compare

    old, new = resolve_policy(ctx, before), resolve_policy(ctx, after)
    return PolicyChanges(old, new, compare(old, new))


def _source(ctx: EngineContext, policy_id: str) -> bytes:
    from engine.errors import NotFound
    from engine.policies import shipped

    try:
        return ctx.store.policy_source(policy_id)
    except NotFound:
        if policy_id in shipped():
            return shipped()[policy_id]
        raise


def _shipped(policy_id: str) -> ListedPolicy:
    from engine.policies.catalog import shipped_policy

    ir = shipped_policy(policy_id)
    assert ir is not None, "asked for by its own id"
    return ListedPolicy(policy_id, ir.policy_hash, ir.ir_hash, None)
