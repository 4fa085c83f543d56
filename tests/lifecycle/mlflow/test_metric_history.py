"""Histories of metrics: whole, in pages, of several runs, and sampled for charts."""

from itertools import pairwise

import pytest

from lifecycle.mlflow.views import metrics
from lifecycle.models import Run
from lifecycle.models.metric import NewPoint

pytestmark = pytest.mark.django_db


def log(run_id, points, name="loss"):
    """Log points, given as (value, step, time)."""
    run = Run.objects.get(uid=run_id)
    run.log(metrics=[NewPoint(name, *point) for point in points])


def sample(mlflow, *run_ids, **asked):
    answer = mlflow.get(
        "metrics/get-history-bulk-interval",
        run_ids=list(run_ids),
        metric_key="loss",
        **asked,
    )
    assert answer.status == 200, answer.body
    return answer.body["metrics"]


def test_a_sample_is_bounded_where_all_points_share_a_step(mlflow, run_id):
    log(run_id, [(float(number), 0, number) for number in range(3000)])

    values = [point["value"] for point in sample(mlflow, run_id, max_results=320)]

    assert (len(values), values[0], values[-1]) == (320, 0.0, 2999.0)
    assert max(after - before for before, after in pairwise(values)) <= 20


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 9, 10, 11])
def test_a_sample_has_the_first_of_each_bucket_and_the_newest(mlflow, run_id, most):
    log(run_id, [(0.5, step, 1) for step in range(10)])

    steps = [point["step"] for point in sample(mlflow, run_id, max_results=most)]

    longer = 10 % most
    sizes = [10 // most + (number < longer) for number in range(most)]
    firsts = [sum(sizes[:number]) for number in range(most) if sizes[number]]
    assert steps == ([*firsts[:-1], 9] if most < 10 else list(range(10)))


def test_each_run_has_its_own_sample(mlflow, experiment, run_id):
    other = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    log(run_id, [(0.5, step, 1) for step in range(100)])
    log(other, [(0.5, step, 1) for step in range(3)])

    shown = sample(mlflow, run_id, other, max_results=4)

    assert [(point["run_id"], point["step"]) for point in shown] == [
        *((run_id, step) for step in (0, 25, 50, 99)),
        *((other, step) for step in (0, 1, 2)),
    ]


def test_a_sample_keeps_to_its_interval(mlflow, run_id):
    log(run_id, [(0.5, step, 1) for step in range(100)])

    shown = sample(mlflow, run_id, start_step=10, end_step=19, max_results=2)

    assert [point["step"] for point in shown] == [10, 19]


def test_what_is_no_number_is_a_word_in_a_sample(mlflow, run_id):
    log(run_id, [(0.5, 0, 1), (float("nan"), 0, 2), (float("inf"), 0, 3)])

    shown = sample(mlflow, run_id, max_results=3)

    assert [point["value"] for point in shown] == [0.5, "NaN", "Infinity"]


@pytest.mark.parametrize("count", [1, 4, 5, 8, 11])
def test_a_whole_history_is_sent_in_parts(mlflow, run_id, monkeypatch, count):
    monkeypatch.setattr(metrics, "HISTORY_MAX", 4)
    log(run_id, [(float(number), 0, number) for number in range(count)])

    answer = mlflow.get("metrics/get-history", run_id=run_id, metric_key="loss")

    assert list(answer.body) == ["metrics"]
    assert [point["timestamp"] for point in answer.body["metrics"]] == [*range(count)]
