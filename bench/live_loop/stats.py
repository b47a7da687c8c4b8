"""Percentiles and slopes of small samples."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """Linear interpolation between the closest ranks; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float | None]:
    """``{"p50": .., "p95": ..}``, rounded."""

    def tidy(value: float | None) -> float | None:
        return None if value is None else round(value, digits)

    return {"p50": tidy(percentile(values, 0.5)), "p95": tidy(percentile(values, 0.95))}


def full_spread(values: Sequence[float], digits: int = 1) -> dict[str, float | None]:
    """:func:`spread` with the count, the least and the greatest."""
    edges = (
        {"n": len(values), "min": round(min(values), digits), "max": round(max(values), digits)} if values else {"n": 0}
    )
    return {**spread(values, digits), **edges}
