"""A column's stored profile in the feature store's terms."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

MIDDLE = "0.5"
MAX_DIGITS = 17  # what tells any two doubles apart
Profile = Mapping[str, Any]


def statistics(profile: Profile, computed_at: datetime | None) -> dict[str, Any]:
    """Return `FeatureStatistics`; figures that a type does not have are absent."""
    distribution = _distribution(profile)
    return {
        **_moments(profile),
        "missing_ratio": profile.get("null_share", 0.0),
        "distribution": distribution or None,
        "calculated_at": computed_at,
    }


def numbers(profile: Profile) -> dict[str, float]:
    """Return every figure that is one number, by name."""
    distinct = profile.get("distinct") or {}
    counted = {
        "count": profile.get("count"),
        "missing_count": profile.get("nulls"),
        "missing_ratio": profile.get("null_share"),
        "nan_count": profile.get("nan"),
        "infinite_count": profile.get("infinite"),
        "zero_count": profile.get("zeros"),
        "distinct_count": distinct.get("value"),
        "mean_length": profile.get("mean_length"),
        **_moments(profile),
    }
    return {name: value for name, value in counted.items() if value is not None}


def _moments(profile: Profile) -> dict[str, float | None]:
    quantiles = (profile.get("quantiles") or {}).get("values") or {}
    return {
        "mean": _number(profile.get("mean")),
        "median": _number(quantiles.get(MIDDLE)),
        "std": _number(profile.get("std")),
        "min": _number(profile.get("min")),
        "max": _number(profile.get("max")),
    }


def _distribution(profile: Profile) -> list[dict[str, Any]]:
    """Return bins by a label in each, else the most frequent values, with counts."""
    histogram = profile.get("histogram")
    if histogram is None:
        return [
            {"value": item["value"], "count": item["count"]}
            for item in profile.get("top") or []
        ]
    edges, counts = histogram["edges"], histogram["counts"]
    bins = zip(edges, edges[1:], counts, strict=False)
    return [
        {"value": _label(low, high), "count": count, "low": low, "high": high}
        for low, high, count in bins
    ]


def _label(low: float | str, high: float | str) -> float | str:
    """Return the middle of a bin in the fewest digits, at least 4, that lie in it."""
    if isinstance(low, str) or isinstance(high, str):
        return low
    middle = low + (high - low) / 2
    shown = (float(f"{middle:.{digits}g}") for digits in range(4, MAX_DIGITS))
    return next((label for label in shown if low < label < high), middle)


def _number(value: Any) -> float | None:
    """Return a figure as a number; exact decimals and long integers come as text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except ValueError:
        return None
