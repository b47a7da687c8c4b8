"""Spans for OpenTelemetry, where it is installed and wanted; else nothing happens, at no cost.

Wanted means that ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set (and the package's extra ``otel`` is installed). All other
settings are OpenTelemetry's own environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

SERVICE = "rejoinder"

Attributes = Mapping[str, str | int | float | bool]


class Span(Protocol):
    """What may be said of a request while it is worked on."""

    def update_name(self, name: str) -> None:
        """Give it the name it is found by."""
        ...

    def set_attribute(self, key: str, value: Any) -> None:
        """Tell one more thing of it."""
        ...


_tracer: Any = None
_provider: Any = None


def configure(exporter: Any = None) -> bool:
    """Begin tracing if it is wanted and possible; says whether it does. ``exporter`` is for tests."""
    global _tracer, _provider
    if _tracer is not None:
        return True
    if exporter is None and not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: rejoinder[otel]")
        return False
    name = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
    _provider = TracerProvider(resource=Resource.create({"service.name": name}))
    _provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    _tracer = _provider.get_tracer(SERVICE)
    return True


def shutdown() -> None:
    """Send what is left and end tracing."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def enabled() -> bool:
    """Whether spans go anywhere."""
    return _tracer is not None


def request(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span | None]:
    """The span of one HTTP request; a ``traceparent`` among ``headers`` (lower-case names) makes it part of the
    caller's trace. No path: paths here carry signed links and the names of rooms."""
    if _tracer is None:
        return nullcontext()
    from opentelemetry import propagate
    from opentelemetry.trace import SpanKind

    span: AbstractContextManager[Span | None] = _tracer.start_as_current_span(
        method,
        context=propagate.extract(headers),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method},
    )
    return span


def span(name: str, start: float, end: float, attributes: Attributes | None = None) -> None:
    """Tell of something that took from ``start`` to ``end`` (Unix seconds), such as one answer of an agent."""
    if _tracer is None:
        return
    made = _tracer.start_span(name, start_time=int(start * 1e9), attributes=dict(attributes or {}))
    made.end(end_time=int(end * 1e9))
