"""The judge undoes what is worse, and hardly ever what is not."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from deployments.judge import BadShare, CallWindow, JudgeLimits, surprise, verdict
from deployments.serving.histogram import FIRST_MS, GROWTH, LAST

SEED = 20261128
LIMITS = (
    JudgeLimits(),
    JudgeLimits(p95_ms=40.0),
    JudgeLimits(min_requests=1, failed=0.0),
)


class Source:
    """A distribution of calls, from which any number of windows is drawn."""

    def __init__(self, random):
        self._random = random
        self._rates = random.uniform(0, (0.1, 0.3, 0.1))
        self._usual_ms = float(np.exp(random.uniform(0, 6)))
        self._spread = random.uniform(0.1, 0.8)

    def window(self):
        random = self._random
        requests = int(np.exp(random.uniform(np.log(20), np.log(20_000))))
        failed, refused, odd = random.binomial(requests, self._rates).tolist()
        return CallWindow(requests, failed, 0, refused, odd, self._histogram(requests))

    def _histogram(self, requests):
        """Draw latencies of a machine that is up to half as slow again as usual."""
        usual = np.log(self._usual_ms * self._random.uniform(1.0, 1.5) / FIRST_MS)
        latencies = usual + self._random.normal(0, self._spread, requests)
        numbers = np.ceil(latencies / np.log(GROWTH)).clip(0, LAST).astype(int)
        counts = np.bincount(numbers)
        return {str(number): int(counts[number]) for number in counts.nonzero()[0]}


def undone(pairs):
    random = np.random.default_rng(SEED)
    count = 0
    for number in range(pairs):
        source = Source(random)
        limits = LIMITS[number % len(LIMITS)]
        count += bool(verdict(source.window(), source.window(), limits))
    return count


def test_windows_of_one_distribution_are_not_told_apart():
    assert undone(2_000) == 0


@pytest.mark.slow
def test_of_100_000_pairs_from_one_distribution_at_most_ten_are_undone():
    assert undone(100_000) <= 10


@pytest.mark.parametrize("counts", [(10, 100, 3, 400), (700, 2000, 600, 2000)])
def test_the_surprise_is_fishers(counts):
    bad, of, bad_before, of_before = counts
    table = [[bad, of - bad], [bad_before, of_before - bad_before]]

    found = surprise(BadShare(bad, of, ""), BadShare(bad_before, of_before, ""))

    want = fisher_exact(table, alternative="greater").pvalue
    assert found == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("kind", ["failed_count", "refused_count", "non_finite_count"])
@pytest.mark.parametrize("before", [CallWindow(300), CallWindow(20_000)])
def test_a_share_that_was_not_there_before_counts(kind, share, before):
    new = CallWindow(200, **{kind: int(200 * share)})

    assert verdict(new, before, JudgeLimits())


def test_callers_who_are_refused_either_way_may_ask_more_often():
    before, new = (
        CallWindow(2000, refused_count=200),
        CallWindow(2000, refused_count=380),
    )

    assert not verdict(new, before, JudgeLimits())


def test_without_a_version_before_refusals_are_the_callers():
    assert not verdict(CallWindow(200, refused_count=200), None, JudgeLimits())
    assert verdict(CallWindow(200, failed_count=11), None, JudgeLimits())
    assert not verdict(CallWindow(19, failed_count=19), None, JudgeLimits())


def test_a_refusal_that_is_known_to_be_new_needs_nothing_beside_it():
    known, callers = (
        CallWindow(200, refused_count=200, refused_anew_count=anew) for anew in (11, 10)
    )
    for before in (None, CallWindow(2000), CallWindow(2000, refused_count=2000)):
        for alike in (True, False):
            assert verdict(known, before, JudgeLimits(), refuses_alike=alike)
            assert not verdict(callers, before, JudgeLimits(), refuses_alike=alike)


def test_a_verdict_says_what_it_stands_on():
    new = CallWindow(200, failed_count=60, unavailable_count=10)

    said = verdict(new, CallWindow(500, failed_count=5), JudgeLimits())

    assert said == (
        "30.0% of 200 requests failed or found no instance ready (10), more than "
        "5.0%; of the version before 1.0% of 500"
    )
