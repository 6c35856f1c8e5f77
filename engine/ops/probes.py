"""The eyes of the readiness probes, as this installation is set up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, NotFound
from engine.ops.trail_verification import verify_registry
from engine.readiness.build import CHART
from engine.readiness.chart import values_for
from engine.readiness.observers.house import file_observer, registry_observer, setting_observer, trail_observer
from engine.readiness.observers.objects import chart_observer, cluster_observer
from engine.readiness.observers.service import certificate_observer, http_observer, prometheus_observer
from engine.readiness.probing import Observed, Observer
from engine.telemetry.prometheus_source import ask_prometheus

if TYPE_CHECKING:
    from engine.context import EngineContext


def observers_of(
    ctx: EngineContext, *, base: str = "", ca_file: str = "", client_certificate: str = ""
) -> Mapping[str, Observer]:
    """Who answers which kind of probe.

    Args:
        ctx: The installation.
        base: The verifier's base URL; the configured one without it.
        ca_file: Certificates to trust, PEM.
        client_certificate: What to show where clients need a certificate.

    Raises:
        InvalidInput: The address is none, or a file holds no certificate.
        Unavailable: A file does not exist or cannot be read.
    """
    from engine.cutover.access import client_tls, verifier_url

    settings = ctx.settings
    values = values_for(CHART, ctx.env)
    try:
        url = base or verifier_url(settings)
    except NotFound as error:
        service = {"certificate": _blind(error), "http": _blind(error)}
    else:
        tls = client_tls(ca_file, client_certificate) if url.startswith("https:") else None
        service = {"certificate": certificate_observer(url, ctx.clock, tls), "http": http_observer(url, tls)}
    return {
        **service,
        "chart": chart_observer(CHART, values, helm=settings.helm, namespace=settings.kube_namespace),
        "cluster": cluster_observer(
            kubectl=settings.kubectl, namespace=settings.kube_namespace, context=settings.kube_context
        ),
        "file": file_observer(Path()),
        "prometheus": prometheus_observer(ask_prometheus(settings.prometheus_url)),
        "registry": registry_observer({"sound": ctx.store.check, "trail": lambda: _wrong_with_the_trail(ctx)}),
        "setting": setting_observer(settings),
        "trail": trail_observer(ctx.store, ctx.clock),
    }


def _blind(error: EngineError) -> Observer:
    """Sees nothing, and says why: the round goes on without it."""

    def observe(_: Mapping[str, Any]) -> Observed:
        raise error

    return observe


def _wrong_with_the_trail(ctx: EngineContext) -> list[str]:
    return [finding.problem for finding in verify_registry(ctx, "", "").findings]
