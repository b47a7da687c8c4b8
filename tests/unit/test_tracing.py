"""Spans, where they are wanted."""

from __future__ import annotations

import pytest

from rejoinder import tracing


def test_nothing_happens_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert not tracing.configure()
    assert not tracing.enabled()
    with tracing.request("GET", {}) as span:
        assert span is None
    tracing.span("turn", 1.0, 2.0)


def test_requests_and_turns() -> None:
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = export.InMemorySpanExporter()
    assert tracing.configure(exporter)
    try:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        with tracing.request("GET", {"traceparent": parent}) as span:
            assert span is not None
            span.update_name("GET /x")
            tracing.span("turn", 10.0, 12.5, {"bot_id": "b1"})
        assert tracing._provider.force_flush()
        turn, request = exporter.get_finished_spans()
        assert (turn.name, turn.start_time, turn.end_time) == ("turn", 10 * 10**9, 12_500_000_000)
        assert turn.attributes == {"bot_id": "b1"}
        assert request.name == "GET /x"
        assert f"{request.context.trace_id:032x}" == parent.split("-")[1]
        assert turn.parent.span_id == request.context.span_id
    finally:
        tracing.shutdown()
    assert not tracing.enabled()
