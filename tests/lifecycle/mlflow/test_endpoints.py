"""Who gets in: every address of the protocol, without and with the wrong rights."""

import base64
import re

import pytest
from django.test import Client, override_settings
from django.urls import URLPattern, get_resolver

from lifecycle.mlflow import identity, routes
from lifecycle.mlflow.endpoint import MlflowRoute
from lifecycle.mlflow.urls import EXACT
from lifecycle.models import Experiment
from mlops.core.models import ApiToken
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.conftest import MlflowClient

pytestmark = pytest.mark.django_db
OPEN = {"health", "version"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def endpoints(patterns=None, prefix=""):
    """Yield the address and view of every endpoint that Django would find."""
    for entry in patterns or get_resolver().url_patterns:
        if not isinstance(entry, URLPattern):
            yield from endpoints(entry.url_patterns, prefix + str(entry.pattern))
        elif isinstance(entry.callback, MlflowRoute):
            yield prefix + str(entry.pattern), entry.callback


def address(pattern):
    known = {
        "<str:model_id>": "m-1",
        "<str:trace_id>": "tr-1",
        "<str:assessment_id>": "a-1",
        "<path:path>": "1/r/artifacts/a",
        "<path:key>": "k",
        "^(?:ajax-)?api/[23]\\.0(?:/.*)?$": "api/2.0/mlflow/gateway/x",
    }
    for part, example in known.items():
        pattern = pattern.replace(part, example)
    return "http://testserver//get-artifact" if "/+" in pattern else f"/{pattern}"


def test_every_address_asks_who_is_there():
    client = Client(raise_request_exception=False)
    asked = 0

    for pattern, _view in endpoints():
        path = address(pattern)
        for method in METHODS:
            answer = client.generic(method, path, b"{}", "application/json")
            expected = {200, 401} if path.rpartition("/")[2] in OPEN else {401}
            assert answer.status_code in expected, (method, path)
            asked += 1

    assert asked > 8 * 64
    assert client.get("/health").content == b"OK"


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/experiments/create/",
        "http://testserver//api/2.0/mlflow/experiments/create",
        "/api/2.0/mlflow/../mlflow/experiments/create",
        "/api/2.0/mlflow/EXPERIMENTS/create",
        "/ajax-api/2.0/mlflow/experiments/create",
        "/api/2.0/preview/mlflow/experiments/create",
        "/api/2.0/mlflow%2fexperiments%2fcreate",
    ],
)
def test_no_spelling_of_an_address_is_a_way_round(path):
    """CVE-2023-6014: neither path, nor type, nor an override of the method."""
    answer = Client(raise_request_exception=False).post(
        path,
        b'{"name": "x"}',
        content_type="application/json",
        headers={"X-HTTP-Method-Override": "GET"},
    )

    assert answer.status_code in {401, 404}
    assert not Experiment.objects.exists()


def test_what_is_not_spoken_says_so_in_the_protocol_s_shape(mlflow):
    unknown = mlflow.post("gateway/endpoints/create")
    wrong = mlflow.get("experiments/create")

    assert (unknown.status, unknown.code) == (404, "ENDPOINT_NOT_FOUND")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")


def test_other_names_of_a_route_are_the_same_route(mlflow):
    for root in ("/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow"):
        answer = mlflow.send("POST", f"{root}/experiments/search", {})
        assert answer.body["experiments"][0]["name"] == "Default"


def test_a_doubled_slash_leads_to_the_address_that_was_meant(mlflow):
    answer = mlflow.send("GET", "http://testserver//get-artifact?path=a")

    assert (answer.status, answer.headers["Location"]) == (308, "/get-artifact?path=a")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("nobody", set()),
        ("viewer", {"read"}),
        ("deployer", {"read"}),
        ("approver", {"read", "move"}),
        ("data scientist", {"read", "write", "move"}),
        ("admin", {"read", "write", "move"}),
    ],
)
def test_roles_may_here_what_they_may_on_rest(mlflow_as, role, may):
    client = mlflow_as(role)
    asked = {
        "read": client.get("experiments/get", experiment_id="0"),
        "write": client.post("runs/create", experiment_id="0"),
        "move": client.post(
            "model-versions/transition-stage", name="m", version="1", stage="Staging"
        ),
    }

    allowed = {what for what, answer in asked.items() if answer.status != 403}
    assert allowed == may
    for what in asked.keys() - may:
        assert asked[what].code == "PERMISSION_DENIED"


def test_a_reader_neither_writes_nor_deletes_files(
    mlflow_as, mlflow, experiment, run_id
):
    place = f"{experiment}/{run_id}/artifacts/a.txt"
    mlflow.put(place, b"1")
    reader = mlflow_as("viewer")

    answers = [reader.put(place, b"2"), reader.file("DELETE", place)]

    assert [answer.status for answer in answers] == [403, 403]
    assert reader.file("GET", place).raw == b"1"


def test_every_endpoint_names_the_permission_it_needs():
    unnamed = {
        path
        for path, route in EXACT.items()
        for endpoint in route.endpoints.values()
        if not endpoint.permission and not endpoint.is_open
    }

    assert {re.sub(".*/mlflow/", "", path) for path in unnamed} == {
        "server-info",
        "graphql",
        "ui-telemetry",
        "assistant/config",
        "assistant/providers",
        "users/current",
        "gateway-proxy",
    }


def test_a_name_and_password_open_it_too(person):
    user = person("data scientist")
    user.set_password("long and secret 1")
    user.save()
    client = Client()

    def status(password):
        pair = base64.b64encode(f"{user.username}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        path = "/api/2.0/mlflow/experiments/search"
        return client.post(
            path, {}, content_type="application/json", headers=headers
        ).status_code

    assert (status("long and secret 1"), status("wrong")) == (200, 401)


def test_a_token_that_only_reads_does_not_write(person):
    _, token = ApiToken.issue(person("data scientist"), "r", scopes=["read"])
    reader = MlflowClient(token)

    assert reader.get("experiments/get", experiment_id="0").status == 200
    assert reader.post("runs/search", experiment_ids=["0"]).status == 200
    assert reader.post("runs/create", experiment_id="0").status == 403
    assert reader.put("0/r/artifacts/a", b"1").status == 403


def test_a_revoked_token_is_shut_out_after_the_seconds_it_is_remembered(
    mlflow_as, person, monkeypatch
):
    client = mlflow_as()
    assert client.get("experiments/get", experiment_id="0").status == 200
    person("data scientist").api_tokens.get().revoke()
    later = identity.time.monotonic() + identity.REMEMBERED_S

    monkeypatch.setattr(identity.time, "monotonic", lambda: later)

    assert client.get("experiments/get", experiment_id="0").status == 401
    assert identity.REMEMBERED_S <= 5


@override_settings(OPEN_MODE=True)
def test_open_mode_lets_everybody_in(mlflow_as):
    answer = mlflow_as("anonymous").post("runs/create", experiment_id="0")

    assert answer.status == 200


@pytest.fixture
def reads(mlflow, experiment, run_id):
    """What to send to every address that reads, so that each has an answer."""
    mlflow.put(f"{experiment}/{run_id}/artifacts/a.txt", b"1")
    mlflow.ok("runs/log-metric", run_id=run_id, key="m", value=1, timestamp=1)
    mlflow.ok("registered-models/create", name="iris")
    made = {"name": "iris", "source": f"runs:/{run_id}/a.txt", "run_id": run_id}
    mlflow.ok("model-versions/create", **made)
    mlflow.ok("registered-models/alias", name="iris", alias="best", version="1")
    traced.start(mlflow, experiment)
    traced.send_spans(mlflow, experiment, traced.span("outer"))
    place = {"mlflow_experiment": {"experiment_id": experiment}}
    trace = {"trace_ids": [traced.trace_id()]}
    version = {"name": "iris", "version": "1"}
    run = {"run_id": run_id}
    return {
        "experiments/get": {"experiment_id": experiment},
        "experiments/get-by-name": {"experiment_name": "study"},
        "experiments/search-datasets": {"experiment_ids": [experiment]},
        "runs/get": run,
        "runs/search": {"experiment_ids": [experiment]},
        "metrics/get-history": {**run, "metric_key": "m"},
        "metrics/get-history-bulk": {**run, "metric_key": "m"},
        "metrics/get-history-bulk-interval": {
            "run_ids": [run_id],
            "metric_key": "m",
            "max_results": 10,
        },
        "artifacts/list": run,
        "registered-models/get": {"name": "iris"},
        "registered-models/get-latest-versions": {"name": "iris"},
        "registered-models/alias": {"name": "iris", "alias": "best"},
        "model-versions/get": version,
        "model-versions/get-download-uri": version,
        "logged-models/search": {"experiment_ids": [experiment]},
        "traces": {"experiment_ids": [experiment]},
        "traces/search": {"locations": [place]},
        "traces/get": {"trace_id": traced.trace_id()},
        "traces/batchGet": trace,
        "traces/batchGetInfos": trace,
    }


@pytest.mark.django_db(transaction=True)
def test_whatever_reads_needs_no_transaction(mlflow, reads):
    """To hold a row outside of a transaction is an error on PostgreSQL."""
    tables = {
        "2.0": (
            *(routes.TRACKING, routes.REGISTRY, routes.LOGGED_MODELS),
            *(routes.FILES, routes.TRACES_2),
        ),
        "3.0": (routes.TRACES,),
    }
    asked = [
        (method, version, address)
        for version in tables
        for table in tables[version]
        for address, endpoints in table.items()
        for method, endpoint in endpoints.items()
        if not endpoint.writes and not endpoint.streams
    ]

    for method, version, address in asked:
        sent = reads.get(address, {})
        as_query = {"query": sent} if method == "GET" else {"body": sent}
        answer = mlflow.send(method, f"/api/{version}/mlflow/{address}", **as_query)
        assert answer.status == 200, (method, address, answer.body)
    assert len(asked) > 15
