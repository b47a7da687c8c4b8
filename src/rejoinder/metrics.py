"""Figures for Prometheus: what is counted in this process, and how the figures are written out.

With ``PROMETHEUS_MULTIPROC_DIR`` set, all processes of a host that share that folder are summed up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

REQUESTS = Counter(
    "rejoinder_http_requests_total",
    "HTTP requests answered, by route template.",
    ("method", "route", "status"),
)
REQUEST_SECONDS = Histogram(
    "rejoinder_http_request_seconds",
    "Time from a request's head to the end of its answer, in seconds.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


def exposition(bots: Mapping[str, int], deliveries: Mapping[str, int], workers: int, capacity: int) -> bytes:
    """The text Prometheus reads: this process' figures, and those of the whole installation as they are now.

    ``bots`` and ``deliveries`` are counts by status, ``capacity`` the bots that all ``workers`` together can take.
    """
    now = CollectorRegistry()
    now.register(_Installation(bots, deliveries, workers, capacity))
    return generate_latest(_processes()) + generate_latest(now)


def _processes() -> CollectorRegistry:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class _Installation(Collector):
    """Figures that are read from the database when they are asked for."""

    def __init__(self, bots: Mapping[str, int], deliveries: Mapping[str, int], workers: int, capacity: int) -> None:
        self._bots = bots
        self._deliveries = deliveries
        self._workers = workers
        self._capacity = capacity

    def collect(self) -> Iterable[Metric]:
        """What the registry asks for."""
        bots = GaugeMetricFamily("rejoinder_bots", "Bots by status.", labels=["status"])
        for status, count in sorted(self._bots.items()):
            bots.add_metric([status], count)
        yield bots
        deliveries = GaugeMetricFamily("rejoinder_deliveries", "Webhooks by status.", labels=["status"])
        for status, count in sorted(self._deliveries.items()):
            deliveries.add_metric([status], count)
        yield deliveries
        yield GaugeMetricFamily("rejoinder_workers", "Live worker processes.", value=self._workers)
        yield GaugeMetricFamily(
            "rejoinder_capacity", "Bots that all live workers together can take.", value=self._capacity
        )
