"""How a benchmark is compared with another commit."""

import math

import pytest

from bench import against


def pairs(*ratios):
    return [(10.0, 10.0 * ratio) for ratio in ratios]


def test_the_interval_is_that_of_the_mean_log_ratio():
    found = against.change(pairs(*[1.0, 1.1] * 4, 1.05))

    logs = [math.log(ratio) for ratio in [*[1.0, 1.1] * 4, 1.05]]
    mean = sum(logs) / 9
    spread = math.sqrt(sum((each - mean) ** 2 for each in logs) / 8)
    assert found.low == pytest.approx(math.exp(mean - 2.306 * spread / 3))
    assert found.high == pytest.approx(math.exp(mean + 2.306 * spread / 3))
    assert (found.before, found.now) == (10.0, 10.5)


@pytest.mark.parametrize(
    ("ratios", "is_worse"),
    [
        ([1.05, 1.06] * 5, True),
        ([1.02, 1.03] * 5, False),
        ([0.9, 1.2] * 5, False),
    ],
    ids=["surely above 3 %", "surely below", "not known"],
)
def test_worse_is_an_interval_above_three_percent(ratios, is_worse):
    assert against.change(pairs(*ratios)).is_worse is is_worse


def test_fewer_pairs_than_nine_say_nothing():
    with pytest.raises(ValueError, match="at least 9"):
        against.compare("mlflow", "HEAD", pairs=8)


def test_a_benchmark_without_figures_is_refused():
    with pytest.raises(ValueError, match="no figures"):
        against.compare("idle", "HEAD")
