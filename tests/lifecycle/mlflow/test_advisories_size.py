"""The advisories about too much, too deep and too odd (CVE-2025-0453, CVE-2024-6838).

The table of all of them is in `test_advisories`.
"""

import pytest

from lifecycle.models import Experiment, Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "' + b"x" * 1_100_000 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b"[1]",
        b'"text"',
        b"{",
        b'{"name": "a\\u0000b"}',
        b'{"name": {"a": 1}}',
        b'{"name": ["x"]}',
    ],
)
def test_odd_bodies_are_mistakes_of_the_client(mlflow, body):
    answer = mlflow.send("POST", "/api/2.0/mlflow/experiments/create", body)

    assert answer.status == 400
    assert not Experiment.objects.exists()


def test_a_million_tags_are_too_many(mlflow, experiment):
    tags = [{"key": f"k{n}", "value": ""} for n in range(100_000)]

    answer = mlflow.post("runs/create", experiment_id=experiment, tags=tags)

    assert answer.status == 400
    assert not Run.objects.exists()


@pytest.mark.parametrize("token", ["garbage", "e30=", "W10=", "9" * 10_000, "\u0661"])
def test_a_made_up_page_token_is_refused(mlflow, experiment, run_id, token):
    asked = {"experiment_ids": [experiment], "page_token": token}

    for route in ("runs/search", "experiments/search", "logged-models/search"):
        answer = mlflow.post(route, **asked)
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    for route in ("registered-models/search", "model-versions/search"):
        answer = mlflow.get(route, page_token=token)
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
