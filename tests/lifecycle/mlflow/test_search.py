"""The filter grammar and the pages of a run search."""

import pytest
from django.db import connection

from lifecycle.mlflow.fastpath import search as plans
from lifecycle.mlflow.search.run_clauses import Keys, candidates
from lifecycle.mlflow.search.sql import is_sqlite
from lifecycle.mlflow.search.syntax import parse
from lifecycle.models import Key

pytestmark = pytest.mark.django_db
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture
def runs(mlflow, experiment):
    """Five runs a to e: accuracy .1 to .5, e has NaN, d none; even ones are `big`."""
    ids = {}
    for number, name in enumerate(NAMES):
        made = mlflow.ok(
            "runs/create", experiment_id=experiment, run_name=name, start_time=number
        )
        ids[name] = made["run"]["info"]["run_id"]
        value = "NaN" if name == "e" else (number + 1) / 10
        mlflow.ok(
            "runs/log-batch",
            run_id=ids[name],
            metrics=[]
            if name == "d"
            else [{"key": "my acc", "value": value, "timestamp": 1}],
            params=[{"key": "size", "value": "big" if number % 2 == 0 else "Small"}],
            tags=[{"key": "mlflow.user", "value": f"u{number}"}],
        )
    return ids


@pytest.fixture(params=["gather", "walk"])
def plan(request, monkeypatch):
    """Both ways to a page: few runs are gathered, many are walked."""
    if request.param == "walk":
        monkeypatch.setattr(plans, "FEW", 0)


def found(mlflow, experiment, text="", **options):
    body = mlflow.ok("runs/search", experiment_ids=[experiment], filter=text, **options)
    return "".join(run["info"]["run_name"] for run in body.get("runs", []))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "edcba"),
        ("metrics.`my acc` > 0.15", "cb"),
        ('metrics."my acc" >= 0.1 and metrics."my acc" < 0.3', "ba"),
        ("metrics.`my acc` != 0.1", "ecb"),
        ("params.size = 'big'", "eca"),
        ("params.size LIKE 'sm%'", ""),
        ("params.size ILIKE 'sm%'", "db"),
        ("params.size != 'big' AND tags.mlflow.user = 'u1'", "b"),
        ("tags.`mlflow.user` IN ('u0', 'u4')", "ea"),
        ("tags.mlflow.user NOT IN ('u0', 'u4')", "dcb"),
        ("metrics.`my acc` > 0.2 OR params.size = 'Small'", "dcb"),
        ("(run_name = 'a' OR run_name = 'b') AND params.size = 'big'", "a"),
        ("params.none IS NULL", "edcba"),
        ("params.size IS NOT NULL and attributes.status = 'RUNNING'", "edcba"),
        ("attributes.start_time >= 3", "ed"),
        ("attribute.run_name LIKE '_'", "edcba"),
        ("attributes.user_id = ''", ""),
    ],
)
@pytest.mark.usefixtures("plan")
def test_filters_find(mlflow, experiment, runs, text, names):
    assert found(mlflow, experiment, text) == names


def test_ids_and_statuses_are_searched_as_the_wire_says_them(mlflow, experiment, runs):
    mlflow.ok("runs/update", run_id=runs["b"], status="FINISHED")

    assert found(mlflow, experiment, f"attributes.run_id = '{runs['c']}'") == "c"
    assert found(mlflow, experiment, "attributes.status = 'FINISHED'") == "b"
    assert found(mlflow, experiment, "attributes.status LIKE 'FIN%'") == "b"


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (["metrics.`my acc` DESC"], "cbaed"),
        (["metrics.`my acc` ASC"], "abced"),
        (["params.size", "metrics.`my acc` DESC"], "bdcae"),
        (["attributes.start_time ASC"], "abcde"),
        (["tags.mlflow.user desc"], "edcba"),
        (["end_time"], "edcba"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.usefixtures("plan", "runs")
def test_pages_follow_on_each_other_in_order(mlflow, experiment, order, names, size):
    pages, token = "", ""
    while True:
        body = mlflow.ok(
            "runs/search",
            experiment_ids=[experiment],
            order_by=order,
            max_results=size,
            page_token=token,
        )
        pages += "".join(run["info"]["run_name"] for run in body.get("runs", []))
        if not (token := body.get("next_page_token", "")):
            break

    assert pages == names


def test_a_token_is_good_for_its_own_search_only(mlflow, experiment, runs):
    asked = {"experiment_ids": [experiment], "max_results": 1}
    token = mlflow.ok("runs/search", **asked)["next_page_token"]

    others = [
        mlflow.post("runs/search", {**asked, "page_token": text, **more})
        for text, more in (
            (token, {"order_by": ["params.size"]}),
            (token[:-4] + "AAA=", {}),
            ("\u00fc", {}),
        )
    ]

    for answer in others:
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_deleted_runs_are_found_when_asked_for(mlflow, experiment, runs):
    mlflow.ok("runs/delete", run_id=runs["a"])

    assert found(mlflow, experiment) == "edcb"
    assert found(mlflow, experiment, run_view_type="DELETED_ONLY") == "a"
    assert found(mlflow, experiment, run_view_type="ALL") == "edcba"


def test_run_info_only_leaves_out_what_was_logged(mlflow, experiment, runs):
    body = mlflow.ok("runs/search", experiment_ids=[experiment], run_info_only=True)

    assert all(run["data"] == {} for run in body["runs"])


def test_a_page_costs_the_same_queries_whatever_its_size(
    mlflow, experiment, runs, django_assert_max_num_queries
):
    found(mlflow, experiment)  # the token is remembered from here on

    with django_assert_max_num_queries(9):
        found(mlflow, experiment, "metrics.`my acc` > 0", order_by=["params.size"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics.acc > 'abc'", "Expected numeric value type for metric"),
        ("params.a = 1", "Expected a quoted string value"),
        ("params.a = b", "not quoted"),
        ("nothing.a = 'b'", "Invalid entity type"),
        ("attributes.nothing = 'b'", "Invalid attribute key"),
        ("params.a > 'b'", "Invalid comparator"),
        ("metrics.a LIKE 'b'", "Invalid comparator"),
        ("params.a = 'b' garbage", "Invalid clause(s) in filter string"),
        ("(params.a = 'b'", "Invalid clause(s) in filter string"),
        ("params.a IN ()", "ill-formed list"),
        ("params.a = 'b' AND", "Invalid clause(s) in filter string"),
        ("; DROP TABLE lifecycle_run", "Invalid"),
        ("(" * 30 + "a = 'b'" + ")" * 30, "nested deeper"),
        (" AND ".join(["a = 'b'"] * 300), "more than 200 clauses"),
        ("a = '" + "x" * 30_000 + "'", "longer than"),
    ],
)
def test_what_is_no_filter_is_refused(mlflow, experiment, text, words):
    answer = mlflow.post("runs/search", experiment_ids=[experiment], filter=text)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert words in answer.message


@pytest.mark.parametrize("limit", [0, -1, 50_001, 2**31, "many"])
def test_a_page_has_a_largest_size(mlflow, experiment, limit):
    answer = mlflow.post("runs/search", experiment_ids=[experiment], max_results=limit)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_experiments_are_searched_and_paged(mlflow):
    for name, value in (("a", "x"), ("ab", "Y"), ("Abc", "x")):
        tags = [{"key": "team", "value": value}]
        mlflow.ok("experiments/create", name=name, tags=tags)

    def names(**asked):
        answer = mlflow.ok("experiments/search", max_results=2, **asked)
        listed = [one["name"] for one in answer.get("experiments", [])]
        return listed, answer.get("next_page_token", "")

    first, token = names(order_by=["name"], filter="name LIKE 'a%' OR name = 'Abc'")
    second, end = names(
        order_by=["name"], filter="name LIKE 'a%' OR name = 'Abc'", page_token=token
    )

    assert (set(first + second), end) == ({"Abc", "a", "ab"}, "")
    assert names(filter="tags.team = 'x'")[0] == ["Abc", "a"]
    assert names(filter="tags.team ILIKE 'y'")[0] == ["ab"]


@pytest.mark.parametrize("entity", ["param", "tag"])
def test_sqlite_counts_the_runs_of_a_value_by_its_index(entity):
    if not is_sqlite():
        pytest.skip("PostgreSQL plans by the table's contents")
    select = candidates(parse(f"{entity}.kind = 'tree'"), Keys(Key.intern(["kind"])))

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {select.text}", select.values)
        plan = cursor.fetchone()[3]

    assert f"{entity}_walk (key_id=? AND <expr>=?)" in plan
