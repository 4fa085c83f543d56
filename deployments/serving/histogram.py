"""A latency histogram of logarithmic buckets: exact counts that add up, no Django.

Bucket 0 holds everything up to 0.05 ms, each further one reaches 1.1 times as far,
the last one (156, from about two minutes on) has no end. A quantile is therefore
right to about 5 %. As JSON a histogram is sparse: {"31": 12, "32": 4}.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

FIRST_MS = 0.05
GROWTH = 1.1
LAST = 156
_LOG_GROWTH = math.log(GROWTH)


def bucket(ms: float) -> int:
    """Return the number of the bucket that a latency falls into."""
    if ms <= FIRST_MS:
        return 0
    return min(math.ceil(math.log(ms / FIRST_MS) / _LOG_GROWTH), LAST)


def upper_ms(number: int) -> float:
    """Return the end of a bucket in milliseconds."""
    return FIRST_MS * GROWTH**number


def merge(histograms: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of histograms."""
    merged = defaultdict[str, int](int)
    for histogram in histograms:
        for number, count in histogram.items():
            merged[number] += count
    return dict(merged)


def subtract(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return what one histogram counts more than another, without empty buckets."""
    numbers = {**one, **other}
    more = {number: one.get(number, 0) - other.get(number, 0) for number in numbers}
    return {number: count for number, count in more.items() if count}


def quantile(histogram: Mapping[str, int], fraction: float) -> float | None:
    """Return the latency below which the fraction lies; None of an empty one.

    The answer is the geometric middle of the bucket.
    """
    total = sum(histogram.values())
    if total <= 0:
        return None
    rank, seen = fraction * total, 0
    numbers = sorted((int(number), count) for number, count in histogram.items())
    for number, count in numbers:
        seen += count
        if seen >= rank:
            return _middle(number)
    return _middle(numbers[-1][0])


def _middle(number: int) -> float:
    end = upper_ms(number)
    return end if number == 0 else end / math.sqrt(GROWTH)
