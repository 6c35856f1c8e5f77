"""Metric families from plain numbers."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from engine.telemetry.requests import Histogram

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values, in the order of the labels, and the value."""


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    """A gauge with its samples."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> CounterMetricFamily:
    """A counter with its samples; `name` ends in `_total`."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def histogram(name: str, text: str, counted: Histogram) -> HistogramMetricFamily:
    """A histogram without labels."""
    family = HistogramMetricFamily(name, text)
    buckets, seen = [], 0
    for bound, count in zip((*map(str, counted.bounds), "+Inf"), counted.counts, strict=True):
        seen += count
        buckets.append((bound, seen))
    family.add_metric((), buckets, counted.sum_s)
    return family
