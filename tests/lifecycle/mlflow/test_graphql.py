"""What MLflow's pages ask by GraphQL: the REST endpoints' answers, rights and refusals.

The values of fields that a message leaves out, and the limits, are those of
`mlflow server` 3.17.2.
"""

import importlib.util

import pytest
from django.contrib.auth.models import Permission

from lifecycle.mlflow.graphql import route

pytestmark = pytest.mark.django_db
RUN = """
    query GetRun($data: MlflowGetRunInput!) @component(name: "x") {
      mlflowGetRun(input: $data) {
        apiError { code message }
        run {
          __typename
          info { runUuid runName status endTime startTime experimentId }
          experiment { experimentId name lastUpdateTime }
          modelVersions { name version status source }
          data { metrics { key value step timestamp } params { key value } }
          inputs { datasetInputs { dataset { name profile } tags { key value } } }
          outputs { modelOutputs { modelId step } }
        }
      }
    }
"""


def ask(client, query, **variables):
    body = {"query": query, "variables": variables}
    answer = client.send("POST", "/graphql", body)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.fixture
def found(mlflow):
    """Ask as a data scientist, and return what no error came with."""

    def data(query, **variables):
        answer = ask(mlflow, query, **variables)
        assert answer["errors"] is None
        return answer["data"]

    return data


@pytest.fixture
def refusal(mlflow):
    """Ask what is refused, and return the only error."""

    def error(query, **variables):
        (only,) = ask(mlflow, query, **variables)["errors"]
        return only

    return error


def test_a_run_has_all_that_its_page_shows(mlflow, found, experiment, run_id):
    mlflow.ok("runs/log-batch", run_id=run_id, metrics=[metric("m", 0.5, 3)])
    mlflow.ok("registered-models/create", name="m")
    source = f"runs:/{run_id}/model"
    mlflow.ok("model-versions/create", name="m", source=source, run_id=run_id)

    run = found(RUN, data={"runId": run_id})["mlflowGetRun"]["run"]

    assert run["__typename"] == "MlflowRunExtension"
    assert run["info"]["runUuid"] == run_id
    assert run["info"]["status"] == "RUNNING"
    assert run["experiment"]["experimentId"] == experiment
    assert run["modelVersions"] == [
        {"name": "m", "version": "1", "status": "READY", "source": source}
    ]
    assert run["data"]["metrics"] == [
        {"key": "m", "value": 0.5, "step": "3", "timestamp": "7"}
    ]


def test_what_a_message_leaves_out_is_what_protobuf_has(found, run_id):
    answer = found(RUN, data={"runUuid": run_id})["mlflowGetRun"]
    run = answer["run"]

    assert answer["apiError"] is None
    assert run["info"]["endTime"] == "0"
    assert run["data"] == {"metrics": [], "params": []}
    assert run["inputs"] == {"datasetInputs": []}
    assert run["outputs"] == {"modelOutputs": []}
    assert run["modelVersions"] == []


@pytest.mark.parametrize(
    ("logged", "shown"),
    [
        ("NaN", None),
        ("Infinity", 1.7976931348623157e308),
        ("-Infinity", -1.7976931348623157e308),
        (2**53 + 1, float(2**53)),
    ],
)
def test_numbers_that_json_lacks_are_what_mlflow_shows(
    mlflow, found, run_id, logged, shown
):
    mlflow.ok("runs/log-batch", run_id=run_id, metrics=[metric("m", logged, 2**60)])

    run = found(RUN, data={"runId": run_id})["mlflowGetRun"]["run"]
    history = found(
        "query($i: MlflowGetMetricHistoryBulkIntervalInput) {"
        " mlflowGetMetricHistoryBulkInterval(input: $i)"
        " { metrics { value step runId } apiError { code } } }",
        i={"runIds": [run_id], "metricKey": "m"},
    )["mlflowGetMetricHistoryBulkInterval"]

    assert run["data"]["metrics"][0]["value"] == shown
    assert history["metrics"] == [{"value": shown, "step": str(2**60), "runId": run_id}]


def test_a_history_is_cut_to_its_interval(mlflow, found, run_id):
    points = [metric("m", step, step) for step in range(5)]
    mlflow.ok("runs/log-batch", run_id=run_id, metrics=points)

    asked = f'runIds: ["{run_id}"], metricKey: "m", startStep: 1, endStep: 2'
    answer = found(
        f"{{ mlflowGetMetricHistoryBulkInterval(input: {{{asked}}})"
        " { metrics { step } } }"
    )["mlflowGetMetricHistoryBulkInterval"]

    assert [point["step"] for point in answer["metrics"]] == ["1", "2"]


def test_runs_are_searched_as_by_rest(mlflow, found, experiment, run_id):
    other = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    mlflow.ok("runs/delete", run_id=other)
    query = """
        query($i: MlflowSearchRunsInput) { mlflowSearchRuns(input: $i) {
          nextPageToken
          runs { info { runId } experiment { name } modelVersions { name } }
        } }
    """

    asked = {"experimentIds": [experiment], "maxResults": 1}
    page = found(query, i={**asked, "orderBy": ["start_time DESC"]})
    deleted = found(query, i={**asked, "runViewType": "DELETED_ONLY"})

    assert page["mlflowSearchRuns"] == {
        "nextPageToken": "",
        "runs": [
            {
                "info": {"runId": run_id},
                "experiment": {"name": "study"},
                "modelVersions": [],
            }
        ],
    }
    assert deleted["mlflowSearchRuns"]["runs"][0]["info"]["runId"] == other


def test_a_page_of_runs_asks_for_their_versions_in_one_search(
    mlflow, found, experiment, django_assert_max_num_queries
):
    for name in ("a", "b", "c"):
        made = mlflow.ok("runs/create", experiment_id=experiment)
        run_id = made["run"]["info"]["run_id"]
        mlflow.ok("registered-models/create", name=name)
        source = f"runs:/{run_id}/model"
        mlflow.ok("model-versions/create", name=name, source=source, run_id=run_id)
    asked = f'experimentIds: ["{experiment}"], orderBy: ["start_time"]'

    with django_assert_max_num_queries(16):
        answer = found(
            f"{{ mlflowSearchRuns(input: {{{asked}}})"
            " { runs { experiment { name } modelVersions { name } } } }"
        )

    runs = answer["mlflowSearchRuns"]["runs"]
    names = sorted(run["modelVersions"][0]["name"] for run in runs)
    assert names == ["a", "b", "c"]


def test_files_datasets_and_versions_are_found(mlflow, found, experiment, run_id):
    mlflow.put(f"{experiment}/{run_id}/artifacts/d/t.txt", b"hello")
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "s"}
    mlflow.ok("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])
    mlflow.ok("registered-models/create", name="m")

    answer = found(
        f'{{ root: mlflowListArtifacts(input: {{runId: "{run_id}"}})'
        " { files { path isDir fileSize } }"
        f' inside: mlflowListArtifacts(input: {{runId: "{run_id}", path: "d"}})'
        " { files { path isDir fileSize } }"
        " mlflowSearchModelVersions(input: {maxResults: 5})"
        " { modelVersions { name } } }"
    )
    summaries = found(
        f'mutation {{ mlflowSearchDatasets(input: {{experimentIds: ["{experiment}"]}})'
        " { datasetSummaries { experimentId name digest context } } }"
    )["mlflowSearchDatasets"]["datasetSummaries"]

    assert answer["root"]["files"] == [{"path": "d", "isDir": True, "fileSize": "0"}]
    assert answer["inside"]["files"] == [
        {"path": "d/t.txt", "isDir": False, "fileSize": "5"}
    ]
    assert answer["mlflowSearchModelVersions"] == {"modelVersions": []}
    assert summaries == [
        {"experimentId": experiment, "name": "d", "digest": "1", "context": ""}
    ]


def test_the_echoes_echo(found):
    query = 'query a { test(inputString: "abc") { output } }'
    mutation = 'mutation { testMutation(inputString: "abc") { output } }'

    assert found(query) == {"test": {"output": "abc"}}
    assert found(mutation) == {"testMutation": {"output": "abc"}}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ('{ mlflowGetRun(input: {runId: "no"}) { run { info { runId } } } }', "no not"),
        ("{ mlflowGetRun { run { info { runId } } } }", "parameter 'run_id'"),
        ('{ mlflowGetExperiment(input: {experimentId: "x"}) { apiError { code } } }',
         "must be a valid integer"),
        ("{ nothing { at } }", "Cannot query field 'nothing'"),
        ("mutation { mlflowCreateRun { run } }", "field 'mlflowCreateRun'"),
        ("query A { __typename } query B { __typename }", "operation name"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(refusal, query, sentence):
    assert sentence in refusal(query)


def test_a_field_that_fails_leaves_the_others(mlflow, experiment):
    answer = ask(
        mlflow,
        '{ a: mlflowGetRun(input: {runId: "no"}) { run { info { runId } } }'
        f' b: mlflowGetExperiment(input: {{experimentId: "{experiment}"}})'
        " { experiment { name } } }",
    )

    assert answer["data"] == {"a": None, "b": {"experiment": {"name": "study"}}}
    assert answer["errors"] == ["Run with id=no not found"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("{" + " ".join(f'k{n}: test(inputString: "a") {{ output }}' for n in range(11))
         + "}",
         "GraphQL queries should have at most 10 root fields, got 11 root fields."),
        ('{ test(inputString: "a") {' + " ".join(f"a{n}: output" for n in range(11))
         + "} }",
         "GraphQL queries should have at most 10 aliases, got 11 aliases."),
        ('{ test(inputString: "a")' + "{ output" * 10 + "}" * 11,
         "Query exceeds maximum depth of 10"),
        ('{ test(inputString: "a") {' + "output " * 1001 + "} }",
         "Query exceeds maximum total selections of 1000"),
        ('{ test(inputString: "a") { ...a } } fragment a on Test {'
         + " ".join(f"a{n}: output" for n in range(11)) + "}",
         "GraphQL queries should have at most 10 aliases, got 11 aliases."),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
         "Cannot spread fragment 'a' within itself via 'b'."),
    ],
)  # fmt: skip
def test_an_operation_has_the_limits_of_mlflow(refusal, query, sentence):
    assert refusal(query) == sentence


def test_the_schema_is_not_told(mlflow):
    for query in (
        "{ __schema { types { name } } }",
        '{ __type(name: "Test") { name } }',
    ):
        answer = ask(mlflow, query)

        assert answer["data"] is None
        assert "introspection has been disabled" in answer["errors"][0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Missing value for required parameter 'query'"),
        ({"query": 5}, "Invalid value 5 for parameter 'query'"),
        ({"query": "{ test("}, "'query' is no GraphQL: Syntax Error"),
        ({"query": "{a" * 3000}, "'query' is no GraphQL"),
        ({"query": "{" + "a " * 6000 + "}"}, "more than 5000 tokens"),
        ({"query": "{ __typename }", "variables": [1]}, "parameter 'variables'"),
        ({"query": "{ __typename }", "operationName": 1}, "'operationName'"),
        ([{"query": "{ __typename }"}], "must be a JSON object"),
    ],
)
def test_what_is_no_operation_is_a_mistake_of_the_client(mlflow, body, sentence):
    answer = mlflow.send("POST", "/graphql", body)

    assert answer.status == 400
    assert sentence in answer.message


def test_each_field_asks_the_permission_of_its_rest_twin(mlflow_as, run_id):
    stranger = mlflow_as("nobody")
    twins = {
        'mlflowGetRun(input: {runId: "x"}) { apiError { code } }': "view_run",
        "mlflowSearchRuns(input: {}) { apiError { code } }": "view_run",
        "mlflowGetMetricHistoryBulkInterval { apiError { code } }": "view_run",
        "mlflowGetExperiment { apiError { code } }": "view_experiment",
        "mlflowListArtifacts { apiError { code } }": "view_artifact",
        "mlflowSearchModelVersions { apiError { code } }": "view_modelversion",
        "mutation mlflowSearchDatasets { apiError { code } }": "view_experiment",
    }

    for field, permission in twins.items():
        kind, name = ("mutation", field[9:]) if "mutation" in field else ("", field)
        answer = ask(stranger, f"{kind} {{ {name} }}")
        assert answer["errors"] == [
            f"This needs the permission lifecycle.{permission}."
        ]
    reader = ask(mlflow_as("viewer"), RUN, data={"runId": run_id})
    assert reader["errors"] is None


def test_what_a_run_leads_to_asks_its_own_permission(mlflow_as, person, run_id):
    client = mlflow_as("nobody", "half")
    only = Permission.objects.get(codename="view_run")
    person("nobody", "half").user_permissions.add(only)

    answer = ask(client, RUN, data={"runId": run_id})

    assert answer["data"]["mlflowGetRun"]["run"]["experiment"] is None
    assert sorted(answer["errors"]) == [
        "This needs the permission lifecycle.view_experiment.",
        "This needs the permission lifecycle.view_modelversion.",
    ]


def test_without_graphql_core_it_says_how_to_get_it(mlflow, monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        route, "find_spec", lambda name: None if name == "graphql" else known(name)
    )

    answer = mlflow.send("POST", "/graphql", {"query": "{ __typename }"})

    assert (answer.status, answer.code) == (501, "NOT_IMPLEMENTED")
    assert "requirements-mlflow-ui.txt" in answer.message


def metric(key, value, step):
    return {"key": key, "value": value, "step": step, "timestamp": 7}
