"""Drift of a deployment: live requests, and newer data, beside the training data."""

from datetime import timedelta
from threading import Event

import numpy as np
import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from datasets import drift_reports
from datasets.models import DriftReport
from deployments import samples
from deployments.drift import SampledPeriod, check_dataset, check_requests
from deployments.drift.watcher import Watcher, watch_once
from deployments.errors import InputsUnknown, NothingSampled, NoTrainingData
from deployments.models import DriftCheck, DriftRule
from deployments.states import DriftSubject
from lifecycle.models import DriftEvent
from tests.deployments.factories import VersionFactory, served

pytestmark = pytest.mark.django_db
URL = "/api/v1/ml/lifecycle/deployments"
ROWS = 1000
SPREAD, CALM, CRISIS = 1.0, 0.0, 3.0


def draws(seed, centre, count=ROWS):
    return np.random.default_rng(seed).normal(centre, SPREAD, count).tolist()


def table(seed, centre, symbols=("A", "B")):
    """Rows of two numbers, the first around a centre, and a symbol."""
    returns, gaps = draws(seed, centre), draws(seed + 1, CALM)
    return {
        "ret": returns,
        "gap": gaps,
        "symbol": [symbols[place % len(symbols)] for place in range(ROWS)],
    }


def csv(columns):
    lines = zip(*columns.values(), strict=True)
    body = "".join(",".join(map(str, line)) + "\n" for line in lines)
    return ",".join(columns) + "\n" + body


@pytest.fixture
def dataset(make_dataset):
    return make_dataset("returns", csv(table(1, CALM)))


@pytest.fixture
def deployment(dataset):
    """A model that was trained on the calm returns and serves."""
    version = VersionFactory()
    version.run.read_dataset(dataset.current_version, context="training")
    return served(version)


def sent(deployment, columns, at=None):
    """Keep rows as the gateway does, sent at a time."""
    at = at or timezone.now()
    rows = len(next(iter(columns.values())))
    times = pa.array([at] * rows, pa.timestamp("ms", "UTC"))
    start = int(at.timestamp()) // samples.PERIOD_S * samples.PERIOD_S
    kept = pa.table({**columns, samples.SAMPLED_AT: times})
    samples.store(deployment.pk, kept, f"{start}-gateway")


def last_hour(**more):
    now = timezone.now() + timedelta(seconds=1)
    return SampledPeriod(now - timedelta(hours=1), now, **more)


def findings(check):
    return {(one["column"], one["severity"]) for one in check.findings}


def test_requests_like_the_training_data_have_not_drifted(deployment):
    sent(deployment, table(7, CALM))

    check = check_requests(deployment, last_hour())

    assert (check.level, check.row_count, check.findings) == ("none", ROWS, [])
    assert check.reference == deployment.model_version.training_data
    assert not DriftEvent.objects.exists()


def test_what_moved_becomes_an_event_with_the_worst_check_and_its_bound(deployment):
    sent(deployment, table(7, CRISIS, symbols=("A", "B", "C")))

    check = check_requests(deployment, last_hour())

    assert check.level == "drift"
    assert findings(check) == {("ret", "critical"), ("symbol", "critical")}
    event = DriftEvent.objects.get(metric_name__endswith=".ret")
    assert event.version == deployment.model_version
    assert event.severity == "critical"
    assert event.metric_value > event.threshold
    assert "ret of 1000 rows of requests has moved away from returns v1" in (
        event.message
    )
    assert set(check.events.all()) == set(DriftEvent.objects.all())


def test_every_kind_of_check_is_in_the_report(deployment):
    rows = table(7, CRISIS, symbols=("A", "B", "C"))
    rows["gap"] = [
        None if place % 2 else value for place, value in enumerate(rows["gap"])
    ]
    sent(deployment, rows)

    check = check_requests(deployment, last_hour())

    kinds = {
        column["name"]: {one["name"] for one in column["checks"]}
        for column in check.body["columns"]
    }
    assert kinds["ret"] == {"missing", "psi", "js", "ks"}
    assert kinds["symbol"] == {"missing", "psi", "js", "cramers_v", "new_categories"}
    by_name = {column["name"]: column for column in check.body["columns"]}
    assert by_name["symbol"]["chi_square"] > 0
    assert by_name["symbol"]["new_categories"] == ["C"]
    assert by_name["gap"]["missing_current"] == pytest.approx(0.5)


def test_an_event_is_noted_once_until_it_gets_worse(deployment):
    sent(deployment, table(7, 0.6))
    check_requests(deployment, last_hour())
    check_requests(deployment, last_hour())
    assert DriftEvent.objects.count() == 1

    sent(deployment, table(7, CRISIS))
    check_requests(deployment, last_hour())

    severities = list(DriftEvent.objects.values_list("severity", flat=True))
    assert len(severities) == 2
    assert severities[0] == "critical"
    assert severities[1] != "critical"


def test_thresholds_of_the_environment_count(deployment):
    sent(deployment, table(7, 0.6))
    wide = {name: [90, 99] for name in ("psi", "js", "ks")}
    DriftRule.objects.filter(pk="development").update(thresholds=wide)

    assert check_requests(deployment, last_hour()).level == "none"


def test_few_rows_are_said_to_be_too_few(deployment):
    few = {name: values[:50] for name, values in table(7, CRISIS).items()}
    sent(deployment, few)

    check = check_requests(deployment, last_hour())

    assert (check.level, check.findings) == ("too_few_rows", [])


def test_a_wide_input_is_told_apart_by_the_logged_list_of_features(deployment):
    deployment.model_version.run.log(params={"features": ["gap", "ret"]})
    rows = table(7, CRISIS)
    sent(deployment, {"features_0": rows["gap"], "features_1": rows["ret"]})

    check = check_requests(deployment, last_hour())

    assert check.body["inputs"] == {"features_0": "gap", "features_1": "ret"}
    assert findings(check) == {("ret", "critical")}


def test_a_wide_input_is_told_apart_by_the_declared_features(deployment, dataset):
    dataset.declare(["ret", "gap"])
    rows = table(7, CRISIS)
    sent(deployment, {"x[0]": rows["ret"], "x[1]": rows["gap"]})

    assert findings(check_requests(deployment, last_hour())) == {("ret", "critical")}


def test_the_caller_may_name_the_columns(deployment):
    rows = table(7, CRISIS)
    sent(deployment, {"input_0": rows["ret"], "input_1": rows["gap"]})

    check = check_requests(deployment, last_hour(columns=("ret", "gap")))

    assert findings(check) == {("ret", "critical")}


def test_inputs_that_nothing_names_are_refused(deployment):
    sent(deployment, {"input_0": draws(1, CALM), "input_1": draws(2, CALM)})

    with pytest.raises(InputsUnknown):
        check_requests(deployment, last_hour())


def test_there_is_nothing_to_say_without_requests_or_without_data(deployment):
    with pytest.raises(NothingSampled):
        check_requests(deployment, last_hour())
    with pytest.raises(NoTrainingData):
        check_requests(served(VersionFactory()), last_hour())
    assert not DriftCheck.objects.exists()


def test_a_newer_version_of_the_training_data_is_compared(
    deployment,
    dataset,
    add_version,
):
    assert check_dataset(deployment) is None
    newer = add_version(dataset, csv(table(7, CRISIS)))

    check = check_dataset(deployment)

    assert (check.subject, check.current) == (DriftSubject.DATASET, newer)
    assert findings(check) == {("ret", "critical")}
    assert "ret of returns v2 has moved away from returns v1" in (
        DriftEvent.objects.get().message
    )


def test_a_column_that_goes_or_changes_its_kind_is_an_event(
    deployment, dataset, add_version
):
    newer = table(7, CALM)
    del newer["gap"]
    newer["ret"] = [f"{value} %" for value in newer["ret"]]
    newer["symbol"] = [place % 2 for place in range(ROWS)]
    add_version(dataset, csv(newer))

    check = check_dataset(deployment)

    assert check.level == "drift"
    assert findings(check) == {("gap", "high"), ("ret", "high"), ("symbol", "medium")}
    events = {one.metric_name: one.message for one in DriftEvent.objects.all()}
    assert set(events) == {"removed.gap", "type.ret", "type.symbol"}
    assert "gap of returns v1 is gone from returns v2" in events["removed.gap"]
    assert (
        "ret of returns v2 holds another kind of values than in returns v1"
        in (events["type.ret"])
    )
    assert set(check.events.all()) == set(DriftEvent.objects.all())


def test_the_schedule_compares_each_new_version_once(deployment, dataset, add_version):
    add_version(dataset, csv(table(7, CRISIS)))

    watch_once()
    watch_once()

    assert DriftReport.objects.count() == 1
    assert DriftCheck.objects.get().subject == DriftSubject.DATASET


def test_a_deployment_that_begins_between_two_looks_is_compared(dataset, add_version):
    watcher = Watcher(Event())
    add_version(dataset, csv(table(7, CRISIS)))
    watcher.round()
    version = VersionFactory()
    version.run.read_dataset(dataset.versions.get(number=1), context="training")
    late = served(version)

    watcher.round()

    assert DriftCheck.objects.get().deployment == late


def test_reading_checks_is_no_calculation(api, settings, deployment):
    settings.ANALYTICS_RATE = 1
    client = api()

    statuses = [
        client.get(f"{URL}/{deployment.pk}/drift").status_code for _ in range(3)
    ]

    assert statuses == [200, 200, 200]
    checks = [client.post(f"{URL}/{deployment.pk}/drift").status_code for _ in range(2)]
    assert checks[1] == 429


def test_a_new_version_is_compared_with_the_one_before_it(dataset, add_version):
    second = add_version(dataset, csv(table(7, CALM)))
    third = add_version(dataset, csv(table(9, CRISIS)))

    drift_reports.catch_up()

    found = DriftReport.objects.order_by("current__number")
    pairs = [(one.reference.number, one.current, one.level) for one in found]
    assert pairs == [(1, second, "none"), (2, third, "drift")]
    assert drift_reports.catch_up() == 0


def test_the_schedule_looks_at_requests_when_it_is_time(deployment):
    now = timezone.now()
    sent(deployment, table(7, CRISIS), at=now)

    watch_once(now + timedelta(seconds=60))
    assert not DriftCheck.objects.exists()

    watch_once(now + timedelta(seconds=3600))
    check = DriftCheck.objects.get()
    assert (check.subject, check.created_by) == (DriftSubject.REQUESTS, None)
    assert findings(check) == {("ret", "critical")}

    watch_once(check.created_at + timedelta(seconds=60))
    assert DriftCheck.objects.count() == 1


def test_the_schedule_keeps_why_it_could_not_compare(deployment):
    now = timezone.now()
    sent(deployment, {"input_0": draws(1, CALM), "input_1": draws(2, CALM)}, at=now)

    watch_once(now + timedelta(seconds=3600))

    assert "cannot be matched" in DriftCheck.objects.get().error


def test_the_schedule_does_nothing_where_the_rule_says_so(
    deployment, dataset, add_version
):
    now = timezone.now()
    DriftRule.objects.update(watches_requests=False, watches_datasets=False)
    sent(deployment, table(7, CRISIS), at=now)
    add_version(dataset, csv(table(7, CRISIS)))

    watch_once(now + timedelta(days=1))

    assert not DriftCheck.objects.exists()


def test_the_api_checks_lists_and_shows(api, deployment):
    sent(deployment, table(7, CRISIS))

    made = api("data scientist").post(f"{URL}/{deployment.pk}/drift", {})

    assert made.status_code == 201
    body = made.json()
    assert (body["level"], body["reference"]) == ("drift", "returns:1")
    assert body["report"]["columns"][0]["bins"]["reference"]
    events = api("viewer").get("/api/v1/ml/lifecycle/drift-events").json()
    assert body["event_ids"] == [event["id"] for event in events]
    listed = api("viewer").get(f"{URL}/{deployment.pk}/drift").json()
    assert [one["id"] for one in listed] == [body["id"]]
    assert "report" not in listed[0]
    shown = api("viewer").get(made.headers["Location"])
    assert shown.json()["findings"] == body["findings"]


def test_the_api_compares_with_a_dataset_that_the_caller_names(api, make_dataset):
    make_dataset("norm", csv(table(1, CALM)))
    deployment = served(VersionFactory())
    sent(deployment, table(7, CRISIS))
    client = api("data scientist")

    refused = client.post(f"{URL}/{deployment.pk}/drift", {})
    made = client.post(f"{URL}/{deployment.pk}/drift", {"dataset_name": "norm"})

    assert refused.json()["code"] == "no_training_data"
    assert made.json()["reference"] == "norm:1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"window_s": 59}, 422, "invalid"),
        ({"window_s": 10**9}, 422, "invalid"),
        ({"window_s": "60"}, 422, "invalid"),
        ({"dataset_version": "1"}, 422, "invalid"),
        ({"dataset_name": "unknown"}, 404, "not_found"),
        ({"columns": ["x"] * 2001}, 422, "invalid"),
        ({"columns": [1]}, 422, "invalid"),
        ({"anything": 1}, 422, "invalid"),
        ({}, 404, "nothing_sampled"),
    ],
)
def test_the_api_refuses_what_means_nothing(api, deployment, body, status, code):
    answer = api("data scientist").post(f"{URL}/{deployment.pk}/drift", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not DriftCheck.objects.exists()


@pytest.mark.parametrize(
    "thresholds",
    [
        {"speed": [1, 2]},
        {"psi": [2, 1]},
        {"psi": [0, 1]},
        {"psi": 1},
        {"psi": [1]},
        {"psi": ["1", "2"]},
        {"psi": [True, 2]},
        {"psi": [0.1, float("inf")]},
        [],
    ],
)
def test_thresholds_that_mean_nothing_are_refused(thresholds):
    with pytest.raises(ValidationError):
        DriftRule(environment="staging", thresholds=thresholds).clean()
