"""The unmodified client, newest and last 2.x, traces thirty calls and loses none."""

from pathlib import Path

import pytest

from bench.foreign import NoPackageIndex, python_of
from bench.mlflow.client import LAST_2, NEWEST, python_with
from lifecycle.models import Trace
from mlops.core.models import ApiToken
from tests.lifecycle.mlflow.server import live_server
from tests.lifecycle.mlflow.test_real_client import run_client

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SCRIPT = Path(__file__).with_name("trace_script.py")
FITS_2 = "opentelemetry-sdk<1.34"
"""A newer one calls what the tracing of 2.x has not, and no span ever ends."""


def python_that_traces(requirement):
    try:
        if requirement == LAST_2:
            return python_of("mlflow2-traces", LAST_2, FITS_2)
        return python_with(requirement)
    except NoPackageIndex:
        pytest.skip("no package index answers")


@pytest.mark.parametrize("requirement", [NEWEST, LAST_2])
def test_no_traced_call_is_lost_and_none_warns(requirement, person, tmp_path):
    python = python_that_traces(requirement)
    _, token = ApiToken.issue(person("data scientist"), "client")

    with live_server() as (url, _):
        env = {"MLFLOW_TRACKING_TOKEN": token}
        found = run_client(python, url, tmp_path, script=SCRIPT, **env)

    kept = Trace.objects.all()
    assert kept.count() == 30 - len(found["deleted"])
    assert kept.get(pk=found["trace_id"]).tags["team"] == "a"
    assert {trace.run_label for trace in kept} == {found["run_id"]}
    assert {trace.span_count for trace in kept.exclude(status="ERROR")} == {2}
    assert found["warned"] == []
