import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lifecycle.models import DriftEvent, NewFigure, NewPoint
from tests.lifecycle.factories import RunFactory, VersionFactory, stored

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/ml/lifecycle"


def fill(count):
    for number in range(count):
        run = RunFactory()
        run.experiment.set_tags({"a": "", f"b{number}": "c"}, by=None)
        run.log(
            metrics=[NewPoint("f1", 0.5, step) for step in range(3)],
            params={"depth": number, "width": 1},
            tags={"t": str(number)},
        )
        stored(run, content=b"x")
        version = VersionFactory(
            run=run, tags={"t": ""}, metrics=[NewFigure("f1", 0.5)]
        )
        DriftEvent.note(
            version, by=None, severity="low", metric_name="psi", metric_value=0.1
        )


@pytest.mark.parametrize("name", ["experiments", "runs", "models", "drift-events"])
def test_list_costs_the_same_however_long_it_is(api, name):
    client = api("viewer")
    fill(2)
    few = queries_of(client, f"{ROOT}/{name}")
    fill(10)

    many = queries_of(client, f"{ROOT}/{name}")

    assert many == few
    assert many <= 10


def test_detail_of_an_experiment_costs_the_same_however_much_it_holds(api):
    client = api("viewer")
    run = RunFactory()
    url = f"{ROOT}/experiments/{run.experiment.name}"
    few = queries_of(client, url)
    for _ in range(5):
        more = RunFactory(experiment=run.experiment)
        more.log(metrics=[NewPoint("f1", 0.5)], params={"a": 1})
        stored(more, content=b"x")

    assert queries_of(client, url) <= few + 5


def queries_of(client, url):
    client.get(url)  # the caller's permissions are looked up once
    with CaptureQueriesContext(connection) as context:
        assert client.get(url).status_code == 200
    return len(context)
