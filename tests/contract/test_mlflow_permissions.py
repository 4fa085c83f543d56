"""Who may do what at the MLflow API: every route, every kind of caller."""

import re

import pytest
from django.db import transaction
from django.urls import get_resolver

from lifecycle.mlflow import routes
from mlops.core.models import ApiToken
from tests.contract.matrix import (
    ADMINS,
    COLUMNS,
    MAKERS,
    PROMOTERS,
    READERS,
    SIGNED_IN,
)

CHECKERS = (*MAKERS, "approver")
FAMILIES = re.compile(r"^(ajax-)?api/2\.0/(preview/)?mlflow/")
PARAMETER = re.compile(r"<[^>]*>")

TABLE = {
    COLUMNS: "GET /health, GET /version",
    SIGNED_IN: """
        GET /api/3.0/mlflow/server-info, GET /graphql, POST /graphql,
        GET /api/3.0/mlflow/ui-telemetry, POST /api/3.0/mlflow/ui-telemetry,
        GET /api/3.0/mlflow/assistant/config, GET /api/3.0/mlflow/assistant/providers,
        GET users/current, GET gateway-proxy
    """,
    READERS: """
        GET experiments/get, GET experiments/get-by-name, GET experiments/search,
        POST experiments/search, POST experiments/search-datasets,
        GET runs/get, POST runs/search, GET metrics/get-history,
        GET metrics/get-history-bulk, GET metrics/get-history-bulk-interval,
        GET registered-models/get, GET registered-models/search,
        GET registered-models/alias, GET registered-models/get-latest-versions,
        POST registered-models/get-latest-versions, GET model-versions/get,
        GET model-versions/get-download-uri, GET model-versions/search,
        GET logged-models/x, POST logged-models/search,
        GET logged-models/x/artifacts/directories, GET logged-models/x/artifacts/files,
        GET artifacts/list, GET /api/2.0/mlflow-artifacts/artifacts,
        GET /api/2.0/mlflow-artifacts/artifacts/x, GET /get-artifact,
        GET /model-versions/get-artifact, POST /api/3.0/mlflow/traces/search,
        GET /api/3.0/mlflow/traces/get, GET /api/3.0/mlflow/traces/batchGet,
        POST /api/3.0/mlflow/traces/batchGetInfos, GET /api/3.0/mlflow/traces/x,
        GET /api/3.0/mlflow/traces/x/assessments/x,
        GET traces, GET traces/x/info, GET get-trace-artifact,
        GET /api/3.0/mlflow/get-trace-artifact
    """,
    MAKERS: """
        POST experiments/create, POST experiments/update, POST experiments/delete,
        POST experiments/restore, POST experiments/set-experiment-tag,
        POST experiments/delete-experiment-tag,
        POST runs/create, POST runs/update, POST runs/delete, POST runs/restore,
        POST runs/log-metric, POST runs/log-parameter, POST runs/log-batch,
        POST runs/log-inputs, POST runs/log-model, POST runs/outputs,
        POST runs/set-tag, POST runs/delete-tag,
        POST registered-models/create, PATCH registered-models/update,
        POST registered-models/rename, DELETE registered-models/delete,
        POST registered-models/set-tag, DELETE registered-models/delete-tag,
        POST registered-models/alias, DELETE registered-models/alias,
        POST model-versions/create, DELETE model-versions/delete,
        POST logged-models, PATCH logged-models/x, DELETE logged-models/x,
        POST logged-models/x/params, PATCH logged-models/x/tags,
        DELETE logged-models/x/tags/x, POST upload-artifact,
        PUT /api/2.0/mlflow-artifacts/artifacts/x,
        DELETE /api/2.0/mlflow-artifacts/artifacts/x,
        POST /v1/traces, POST /api/3.0/mlflow/traces,
        POST traces, PATCH traces/x, POST traces/delete-traces,
        POST /api/3.0/mlflow/traces/delete-traces,
        POST traces/link-to-run, POST /api/3.0/mlflow/traces/link-to-run,
        PATCH traces/x/tags, PATCH /api/3.0/mlflow/traces/x/tags,
        DELETE traces/x/tags, DELETE /api/3.0/mlflow/traces/x/tags,
        POST /api/3.0/mlflow/traces/x/assessments,
        PATCH /api/3.0/mlflow/traces/x/assessments/x,
        DELETE /api/3.0/mlflow/traces/x/assessments/x
    """,
    CHECKERS: """
        PATCH model-versions/update, POST model-versions/set-tag,
        DELETE model-versions/delete-tag
    """,
    PROMOTERS: "POST model-versions/transition-stage",
    ADMINS: """
        GET webhooks, POST webhooks, GET webhooks/x, PATCH webhooks/x,
        DELETE webhooks/x, POST webhooks/x/test
    """,
}
ROWS = [
    (line.split()[0], line.split()[1], allowed)
    for allowed, lines in TABLE.items()
    for line in re.split(r",\s*", lines.strip())
]


def address(path):
    return path if path.startswith("/") else f"/api/2.0/mlflow/{path}"


@pytest.fixture
def clients(person, client):
    """Return a function that asks as a column, with a token of its own."""
    roles = {"owner": "data scientist", "stranger": "data scientist"}
    headers = {"anonymous": {}}
    for column in COLUMNS[1:]:
        user = person(roles.get(column, column), f"{column} by MLflow")
        _, text = ApiToken.issue(user, "matrix")
        headers[column] = {"HTTP_AUTHORIZATION": f"Bearer {text}"}

    def ask(column, method, path):
        mark = transaction.savepoint()
        answer = client.generic(
            method,
            address(path),
            "{}",
            content_type="application/json",
            **headers[column],
        )
        transaction.savepoint_rollback(mark)
        return answer.status_code

    return ask


@pytest.mark.django_db
def test_every_caller_is_let_in_or_refused(clients):
    wrong = {}
    for method, path, allowed in ROWS:
        for column in COLUMNS:
            status = clients(column, method, path)
            refusal = 401 if column == "anonymous" else 403
            passes = column in allowed
            if (
                status >= 500
                or (status in {401, 403}) == passes
                or (not passes and status != refusal)
            ):
                wrong[f"{method} {path} as {column}"] = status

    assert wrong == {}


def test_every_route_of_the_protocol_is_in_the_table():
    known = {(method, address(path)) for method, path, _ in ROWS}
    missing = set()
    for pattern in protocol_patterns(get_resolver().url_patterns):
        route = str(pattern.pattern)
        if route.startswith("^") or pattern.callback is routes.UNKNOWN:
            continue  # what answers addresses that are not there
        path = "/" + PARAMETER.sub("x", FAMILIES.sub("api/2.0/mlflow/", route))
        path = path.replace("/ajax-api/", "/api/")
        missing |= {(m, path) for m in pattern.callback.endpoints} - known

    assert missing == set()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/3.0/mlflow/nothing", "/api/2.0/mlflow/nothing"])
def test_what_is_not_there_asks_for_an_account_first(client, path):
    assert client.post(path).status_code == 401


def protocol_patterns(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from protocol_patterns(pattern.url_patterns)
        elif hasattr(pattern.callback, "endpoints"):
            yield pattern
