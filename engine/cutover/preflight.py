"""What would keep a release from being deployed to a cluster, asked before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.cutover.chart import chart_name, check_environment
from engine.cutover.helm import Helm
from engine.cutover.kubectl import Kubectl
from engine.cutover.manifests import read_manifest, resource_types
from engine.cutover.target import Release
from engine.errors import Held, InvalidInput, NotFound

if TYPE_CHECKING:
    from engine.settings import Settings


def preflight(release: Release, helm: Helm, kubectl: Kubectl, settings: Settings) -> tuple[str, ...]:
    """Look at the files, the tools, the cluster and what one may do there, in this order.

    Returns:
        What ought to be known nevertheless.

    Raises:
        EngineError: The first obstacle.
    """
    chart_name(release)
    check_environment(release, settings.env)
    versions = f"{helm.check_version()}, kubectl {kubectl.check_version()}"
    manifest = read_manifest(helm.template(release))
    context = kubectl.context()
    if settings.is_production and not settings.kube_context:
        raise InvalidInput(
            "deploy.no_context_named",
            f"{settings.env} does not say which cluster it is; the current context is {context}",
            f"Set kube_context under [env.{settings.env}] in capctl.toml.",
        )
    if not kubectl.namespace_exists():
        raise NotFound(
            "deploy.no_namespace",
            f"The namespace {settings.kube_namespace} does not exist in {context}",
            "Make it with the labels it needs (docs/deploy.md), or correct kube_namespace or kube_context.",
        )
    _check_permissions(kubectl, resource_types(manifest), settings.kube_namespace)
    return (f"helm {versions}, context {context}, namespace {settings.kube_namespace}",)


def _check_permissions(kubectl: Kubectl, types: tuple[str, ...], namespace: str) -> None:
    """Refuse what would be forbidden half-way: helm keeps its releases in Secrets, and makes each of these types."""
    needed = [("update", "secrets"), *(("create", found) for found in sorted({*types, "secrets"}))]
    missing = [f"{verb} {resource}" for verb, resource in needed if not kubectl.may(verb, resource)]
    if missing:
        raise Held(
            "deploy.forbidden",
            f"You may not {', '.join(missing)} in the namespace {namespace}",
            "Ask for the role of a deployer there; docs/deploy.md lists what it must allow.",
        )
