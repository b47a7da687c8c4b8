from __future__ import annotations

import pytest

from rejoinder.engine.base import Job, Later
from rejoinder.engine.dbos_runner import RunnerOptions
from rejoinder.errors import InvalidRequest


@pytest.mark.parametrize("kind", ["", "Upper", "two words", "x" * 41, "a~b"])
def test_a_bad_kind_is_refused_by_name(kind: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Job(kind, "1")
    assert refused.value.field == "kind"


@pytest.mark.parametrize("id", ["", "a~1", "~", "x" * 201, "a b", "a\n"])
def test_a_bad_id_is_refused_by_name(id: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Job("toy", id)
    assert refused.value.field == "id"


def test_later_never_lies_in_the_past() -> None:
    assert Later(-5).delay_s == 0.0


@pytest.mark.parametrize(
    ("field", "values"),
    [("capacity", {"capacity": 0}), ("beat_s", {"beat_s": 12.0}), ("poll_s", {"poll_s": 0.0})],
)
def test_a_runner_option_that_cannot_work_is_refused_by_name(field: str, values: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        RunnerOptions(**{"host": "h", "capacity": 1, **values})  # type: ignore[arg-type]
    assert refused.value.field == field
