"""Judges a version by what it did to the calls that it got: a function of counts.

What counts against a version is what the version before would have answered. The
baseline is that version's own record, beside it or just before it: a share of bad
answers counts where both hold,

* it is larger than one and a half times the other's by more than the limit: callers do
  not send the same mix in two stretches of time, and one that is refused asks again
  sooner than one that waits, so that a share shifts as versions get slower; and
* Fisher's exact test, one-sided, gives such a table or a worse one a probability below
  `ALPHA` if both had the same share (R. A. Fisher, Statistical Methods for Research
  Workers, 5th ed. 1934, section 21.02). The test is exact whatever the counts are, and
  errs on the careful side where they are small.

A version is looked at many times while it bakes, on counts that grow, and by four
shares. A bound for all looks together is `ALPHA` times their number: one false verdict
in 4,000 bakes of a minute. Looks are far from independent: the real figure is smaller.

Where there is no record of the version before, the limits alone say what is too much of
failures, answers that are not finite, and slow ones.

A refusal is the version's where the one before would have taken the same request. Model
servers report that, where signatures say all of what is taken; nothing else needs to be
compared then. Elsewhere the shares that are refused are, where the two differ in what
they take; without another version to compare with refusals are the callers'.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployments.serving.histogram import bucket, quantile, upper_ms

ALPHA = 1e-6
MIX = 1.5
"""By how much the share of a kind of requests may differ between two stretches."""
SLOW_SHARE = 0.05
"""What a p95 leaves above it."""
SLOWER, MUCH_SLOWER, MUCH_SLOWER_MS = 2.0, 4.0, 250.0


@dataclass(frozen=True, slots=True)
class CallWindow:
    """Outcomes of one version's calls; calls stopped by overload are left out.

    `failed_count` has the `unavailable_count` in it, which found no instance ready.
    The histogram is of log buckets (`serving.histogram`), of all that have a latency:
    how long the model had them. What it and gateways waited for a processor is the
    machine's. `refused_anew_count` of the refused the version before would have taken;
    None where nobody can tell.
    """

    request_count: int = 0
    failed_count: int = 0
    unavailable_count: int = 0
    refused_count: int = 0
    non_finite_count: int = 0
    histogram: Mapping[str, int] = field(default_factory=dict)
    refused_anew_count: int | None = None


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """Shares in [0, 1]; None is no limit. Fewer than `min_requests` say nothing.

    `failed` is the limit of refusals too. Without a `p95_ms` only what is much slower
    than the version before is slow: four times its p95, and a quarter of a second more.
    """

    min_requests: int = 20
    failed: float = 0.05
    non_finite: float | None = 0.05
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class BadShare:
    """Bad ones of all, and what a person calls them."""

    bad: int
    of: int
    text: str

    @property
    def rate(self) -> float:
        return self.bad / self.of if self.of else 0.0


def verdict(
    new: CallWindow,
    before: CallWindow | None,
    limits: JudgeLimits,
    *,
    refuses_alike: bool = False,
) -> str:
    """Return what is wrong with a version, for people; "" if nothing is.

    `before` is the record of the version before, None without one.
    `refuses_alike` says that both have one signature, which is all that refusals
    depend on: the version before would have refused the same.
    """
    if new.request_count < limits.min_requests:
        return ""
    if before is not None and before.request_count < limits.min_requests:
        before = None
    shares = [*_pairs(new, before, limits)]
    shares += _refusals(new, None if refuses_alike else before, limits)
    for judged, old, limit in shares:
        if old is None:
            if judged.rate > limit:
                return f"{_described(judged)}, more than {limit:.1%}"
        elif judged.rate - MIX * old.rate > limit and surprise(judged, old) < ALPHA:
            beside = f"; of the version before {old.rate:.1%} of {old.of}"
            return f"{_described(judged)}{_over(judged, limit)}{beside}"
    return ""


def surprise(new: BadShare, old: BadShare) -> float:
    """Return how likely a table so bad for `new` is if both shares are one.

    The upper tail of the hypergeometric distribution.
    """
    total, bad = new.of + old.of, new.bad + old.bad
    if new.bad <= bad * new.of / total:
        return 1.0
    term = math.exp(
        _log_choose(new.of, new.bad)
        + _log_choose(old.of, old.bad)
        - _log_choose(total, bad)
    )
    tail = 0.0
    for k in range(new.bad, min(new.of, bad) + 1):
        tail += term
        if term < tail * 1e-9:
            break
        term *= (new.of - k) * (bad - k) / ((k + 1) * (old.of - bad + k + 1))
    return min(tail, 1.0)


def _pairs(
    new: CallWindow, before: CallWindow | None, limits: JudgeLimits
) -> Iterator[tuple[BadShare, BadShare | None, float]]:
    """Yield each share of the new version, that of the one before, and the limit."""
    yield _failed(new), _failed(before) if before else None, limits.failed
    if limits.non_finite is not None:
        beside = _non_finite(before) if before else None
        yield _non_finite(new), beside, limits.non_finite
    slow_ms = _slow_ms(before, limits.p95_ms)
    if slow_ms is not None:
        beside = _slow(before, slow_ms) if before else None
        yield _slow(new, slow_ms), beside, SLOW_SHARE


def _refusals(
    new: CallWindow, before: CallWindow | None, limits: JudgeLimits
) -> Iterator[tuple[BadShare, BadShare | None, float]]:
    if new.refused_anew_count is not None:
        yield _refused_anew(new), None, limits.failed
    elif before is not None:
        yield _refused(new), _refused(before), limits.failed


def _failed(window: CallWindow) -> BadShare:
    text = "failed"
    if window.unavailable_count:
        text += f" or found no instance ready ({window.unavailable_count})"
    return BadShare(window.failed_count, window.request_count, text)


def _refused(window: CallWindow) -> BadShare:
    return BadShare(window.refused_count, window.request_count, "were refused")


def _refused_anew(window: CallWindow) -> BadShare:
    text = "were refused that the version before takes"
    return BadShare(window.refused_anew_count or 0, window.request_count, text)


def _non_finite(window: CallWindow) -> BadShare:
    text = "were answered with a NaN or an infinity"
    return BadShare(window.non_finite_count, window.request_count, text)


def _slow(window: CallWindow, slow_ms: float) -> BadShare:
    limit = bucket(slow_ms)
    slow = sum(n for number, n in window.histogram.items() if int(number) > limit)
    timed = sum(window.histogram.values())
    return BadShare(slow, timed, f"took the model longer than {upper_ms(limit):.0f} ms")


def _slow_ms(before: CallWindow | None, p95_ms: float | None) -> float | None:
    """Return from where on an answer is slow, None where nothing says so."""
    usual = quantile(before.histogram, 0.95) if before is not None else None
    if usual is None:
        return p95_ms
    if p95_ms is None:
        return max(MUCH_SLOWER * usual, usual + MUCH_SLOWER_MS)
    return max(SLOWER * usual, p95_ms)


def _described(share: BadShare) -> str:
    return f"{share.rate:.1%} of {share.of} requests {share.text}"


def _over(share: BadShare, limit: float) -> str:
    return f", more than {limit:.1%}" if share.rate > limit else ""


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
