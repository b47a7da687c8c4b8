"""Figures for Prometheus, also of several processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from rejoinder import metrics


def test_the_installations_figures() -> None:
    text = metrics.exposition({"Done": 3, "Joining": 1}, {"pending": 2}, workers=2, capacity=20).decode()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["rejoinder_bots", "Done"] == 3
    assert values["rejoinder_deliveries", "pending"] == 2
    assert (values[("rejoinder_workers",)], values[("rejoinder_capacity",)]) == (2, 20)


def test_processes_of_a_host_are_summed_up(tmp_path: Path) -> None:
    count = (
        "from rejoinder import metrics\n"
        "metrics.REQUESTS.labels('GET', '/x', '200').inc()\n"
        "print(metrics.exposition({}, {}, 0, 0).decode())\n"
    )
    for _ in range(2):
        answer = subprocess.run(
            [sys.executable, "-c", count],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    assert 'rejoinder_http_requests_total{method="GET",route="/x",status="200"} 2.0' in answer.stdout
