"""Every point of a metric is in its curve, whenever it came."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle import curves
from lifecycle.curves import CurveWindow, of_runs
from lifecycle.models import MetricCurve, MetricPoint, NewPoint
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/ml/lifecycle/curves"
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def run():
    return RunFactory()


@pytest.fixture
def small(monkeypatch):
    """Keep summaries of metrics of 50 points, bring them forward after 20."""
    monkeypatch.setattr(curves, "KEPT_FROM", 50)
    monkeypatch.setattr(curves, "BEHIND", 20)
    monkeypatch.setattr(curves, "KEPT_BUCKETS", 64)


def log(run, points, name="loss", dataset=""):
    run.log(metrics=[NewPoint(name, v, s, t, dataset=dataset) for s, t, v in points])


def drawn(run, axis="step", most=16, **part):
    (curve,) = of_runs([run.uid], ["loss"], CurveWindow(axis, most, **part))
    return curve


def counted_by_hand(run, curve, low=-math.inf, high=math.inf):
    """Return what each bucket must hold, from every point of the run by itself."""
    held = {}
    for point in MetricPoint.objects.filter(run=run, key__name="loss"):
        place = point.step if curve.axis == "step" else point.timestamp_ms
        if low <= place <= high:
            value = NAN if point.is_nan else point.value
            held.setdefault(place >> curve.shift, []).append((place, value))
    return held


def check(run, curve, **part):
    held = counted_by_hand(run, curve, **part)
    assert list(curve.buckets) == sorted(held)
    for number, bucket in curve.buckets.items():
        finite = [value for _, value in held[number] if math.isfinite(value)]
        assert bucket.first == min(place for place, _ in held[number])
        assert bucket.finite == len(finite)
        assert bucket.special == len(held[number]) - len(finite)
        assert bucket.low == min(finite, default=None)
        assert bucket.high == max(finite, default=None)
        if finite:
            assert bucket.mean == pytest.approx(math.fsum(finite) / len(finite))


def walk(count, seed=1, start=0):
    chance = random.Random(seed)  # noqa: S311 - figures
    return [
        (start + step * 3, 1_000 + step * 7 + chance.randrange(50), chance.gauss(0, 1))
        for step in range(count)
    ]


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("most", [2, 7, 16, 500])
def test_each_bucket_holds_all_points_in_it_and_no_other(run, axis, most):
    log(run, [*walk(300), (40, 1, NAN), (41, 2, INF), (-9, -50, 4.0), (40, 3, 1e308)])

    curve = drawn(run, axis, most)

    assert len(curve.buckets) <= most
    assert curve.points == 304
    held = counted_by_hand(run, curve)
    assert {n: len(values) for n, values in held.items()} == {
        n: b.finite + b.special for n, b in curve.buckets.items()
    }


@pytest.mark.parametrize("axis", ["step", "time"])
def test_a_curve_that_was_kept_grows_with_what_is_logged(run, axis, small):
    for turn in range(6):
        log(run, walk(40, seed=turn, start=turn * 120))

        check(run, drawn(run, axis))

    assert MetricCurve.objects.filter(axis=axis).count() == 1


@pytest.mark.parametrize("axis", ["step", "time"])
def test_a_late_point_with_a_lower_step_is_in_the_curve(run, axis, small):
    log(run, walk(200))
    drawn(run, axis)
    log(run, [(3, 1_007, 99.0), (-400, 5, -99.0), (30, 1_070, NAN)])

    curve = drawn(run, axis)

    check(run, curve)
    assert curve.points == 203
    assert max(bucket.high for bucket in curve.buckets.values()) == 99.0


def test_looking_changes_nothing_that_the_writer_does(run, small):
    log(run, walk(200))
    drawn(run)
    kept = MetricCurve.objects.get()

    log(run, walk(5, start=10_000))

    again = MetricCurve.objects.get()
    assert (again.settled, bytes(again.buckets)) == (kept.settled, bytes(kept.buckets))


def test_points_of_other_metrics_and_runs_are_not_in_it(run, small):
    log(run, walk(100))
    drawn(run)
    log(run, walk(30, seed=2), name="accuracy")
    log(run, walk(30, seed=3), dataset="val")
    log(RunFactory(), walk(30, seed=4))

    whole, val = of_runs([run.uid], ["loss"], CurveWindow("step", 16))

    assert (whole.dataset, whole.points) == ("", 100)
    assert (val.dataset, val.points) == ("val", 30)


def test_a_summary_that_is_far_behind_is_found_by_the_metrics_own_index(
    run, small, monkeypatch
):
    log(run, walk(100))
    drawn(run)
    monkeypatch.setattr(curves, "NEAR", 0)
    log(run, walk(10, seed=5, start=1))

    check(run, drawn(run))


def test_whoever_saw_fewer_points_does_not_replace_who_saw_more(run, small):
    log(run, walk(100))
    drawn(run)
    log(run, walk(100, seed=2, start=1))
    drawn(run)
    kept = MetricCurve.objects.get()
    first = curves._Count(run, run.latest_metrics.newest()[0], "step")

    first._keep(curves.Curve(run, "loss", "", "step"), kept.settled - 1)

    assert bytes(MetricCurve.objects.get().buckets) == bytes(kept.buckets)


@pytest.mark.parametrize("axis", ["step", "time"])
def test_a_part_is_seen_closer(run, axis, small):
    log(run, walk(400))
    drawn(run, axis)

    curve = drawn(run, axis, most=16, low=1_100, high=1_200)

    check(run, curve, low=1_100, high=1_200)
    assert 0 < len(curve.buckets) <= 16


@given(
    points=st.lists(
        st.tuples(
            st.integers(-(2**63) + 1, 2**63 - 1),
            st.integers(-(2**63) + 1, 2**63 - 1),
            st.floats(),
        ),
        min_size=1,
        max_size=30,
    ),
    most=st.integers(2, 40),
)
@settings(max_examples=40, deadline=None)
def test_any_64_bit_step_and_any_float_can_be_drawn(points, most):
    run = RunFactory()
    log(run, points)

    curve = drawn(run, most=most)

    assert len(curve.buckets) <= most
    assert curve.points == MetricPoint.objects.filter(run=run).count()
    for bucket in curve.buckets.values():
        if bucket.mean is not None:
            assert bucket.low <= bucket.mean <= bucket.high


def test_several_runs_and_metrics_are_one_question(api, run):
    other = RunFactory(name="second")
    for one in (run, other):
        log(one, [(0, 5, 1.5), (1, 6, NAN)])
        log(one, [(0, 5, 0.1)], name="accuracy")

    answer = api("viewer").get(
        URL, {"run_id": [other.uid, run.uid], "metric": ["loss", "accuracy"]}
    )

    rows = answer.json()
    assert [(row["run_id"], row["metric_name"]) for row in rows] == [
        (other.uid, "accuracy"),
        (other.uid, "loss"),
        (run.uid, "accuracy"),
        (run.uid, "loss"),
    ]
    assert rows[1]["run_name"] == "second"
    assert rows[1]["x"] == [0, 1]
    assert rows[1]["mean"] == [1.5, None]
    assert rows[1]["special"] == [0, 1]
    assert (rows[1]["width"], rows[1]["points"]) == (1, 2)


def test_all_metrics_are_drawn_when_none_is_named(api, run):
    log(run, [(0, 5, 1.0)])
    log(run, [(0, 5, 1.0)], name="lr")

    rows = api("viewer").get(URL, {"run_id": run.uid}).json()

    assert [row["metric_name"] for row in rows] == ["loss", "lr"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "run_id"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": [str(n) for n in range(51)]}, "run_id"),
        ({"run_id": "x", "metric": ""}, "metric"),
        ({"run_id": "x", "axis": "epoch"}, "axis"),
        ({"run_id": "x", "max_buckets": "1"}, "max_buckets"),
        ({"run_id": "x", "max_buckets": "many"}, "max_buckets"),
        ({"run_id": "x", "low": "9", "high": "3"}, "low"),
        ({"run_id": "x", "colour": "red"}, "colour"),
    ],
)
def test_what_is_no_question_is_refused(api, query, field):
    answer = api("viewer").get(URL, query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"][-1] == field


def test_a_run_that_is_not_there_is_404(api, run):
    log(run, [(0, 5, 1.0)])

    answer = api("viewer").get(URL, {"run_id": [run.uid, "gone"]})

    assert answer.status_code == 404
    assert "gone" in answer.json()["detail"]


def test_more_curves_than_can_be_drawn_are_refused_not_cut(api, run, monkeypatch):
    monkeypatch.setattr(curves, "MAX_CURVES", 2)
    for number in range(3):
        log(run, [(0, 5, 1.0)], name=f"m{number}")

    answer = api("viewer").get(URL, {"run_id": run.uid})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"][-1] == "metric"


def test_queries_do_not_grow_with_points_and_kept_curves(
    run, small, django_assert_max_num_queries
):
    log(run, walk(300))
    drawn(run)

    with django_assert_max_num_queries(7):
        drawn(run)
