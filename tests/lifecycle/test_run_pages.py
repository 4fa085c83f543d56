"""Runs of an experiment as a table, and some of them beside each other."""

import csv
import io
import re

import pytest

from lifecycle.models import NewPoint
from mlops.core.models import User
from tests.lifecycle.factories import ExperimentFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def experiment():
    return ExperimentFactory(name="churn")


@pytest.fixture
def runs(experiment):
    made = []
    for number in range(3):
        run = RunFactory(experiment=experiment, name=f"trial-{number}")
        run.log(
            metrics=[NewPoint("accuracy", 0.5 + number / 10, step) for step in (0, 1)],
            params={"depth": number, "seed": 7},
        )
        made.append(run)
    return made


def work(experiment, page="work"):
    return f"/admin/lifecycle/experiment/{experiment.pk}/{page}/"


def names(answer):
    return re.findall(r'aria-label="Compare ([^"]+)"', answer.content.decode())


def test_each_metric_and_parameter_has_a_column(boss, experiment, runs):
    page = boss.get(work(experiment)).content.decode()

    for name in ("accuracy", "depth", "seed"):
        assert re.search(rf"<th scope=.col[^>]*><a [^>]*>{name}", page)
    assert "0.7" in page
    assert "running" in page


def test_runs_are_sorted_by_a_metric(boss, experiment, runs):
    best = boss.get(work(experiment), {"order": "metrics.`accuracy` DESC"})
    worst = boss.get(work(experiment), {"order": "metrics.`accuracy` ASC"})

    assert names(best) == ["trial-2", "trial-1", "trial-0"]
    assert names(worst) == ["trial-0", "trial-1", "trial-2"]
    assert 'aria-sort="descending"' in best.content.decode()


def test_runs_are_filtered_in_the_grammar_of_mlflow(boss, experiment, runs):
    query = "metrics.accuracy > 0.55 and params.depth = '2'"

    assert names(boss.get(work(experiment), {"filter": query})) == ["trial-2"]


def test_a_filter_that_is_none_is_said_and_shows_no_rows(boss, experiment, runs):
    answer = boss.get(work(experiment), {"filter": "accuracy >>> 1"})

    assert answer.status_code == 200
    assert names(answer) == []
    assert 'role="alert"' in answer.content.decode()


def test_pages_follow_each_other_and_keep_order_and_filter(
    boss, experiment, runs, monkeypatch
):
    monkeypatch.setattr("lifecycle.admin.run_table.PAGE", 2)
    first = boss.get(work(experiment), {"order": "metrics.`accuracy` DESC"})
    following = re.search(r'href="(\?[^"]*page=[^"]*)"', first.content.decode())[1]

    second = boss.get(work(experiment) + following.replace("&amp;", "&"))

    assert names(first) == ["trial-2", "trial-1"]
    assert names(second) == ["trial-0"]


def test_compared_runs_stand_in_the_order_of_the_address(boss, experiment, runs):
    asked = [runs[2].uid, runs[0].uid, "gone"]

    page = boss.get(work(experiment, "compare"), {"run": asked}).content.decode()

    assert page.index("trial-2") < page.index("trial-0")
    assert "gone" in page
    assert re.search(r'class="same"><th scope="row">seed', page)
    assert re.search(r"<tr><th scope=.row.>depth", page)


def test_comparison_is_to_be_had_as_csv(boss, experiment, runs):
    runs[0].log(params={"note": "=1+1"})
    asked = {"run": [runs[0].uid, runs[1].uid], "download": "csv"}

    answer = boss.get(work(experiment, "compare"), asked)

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["name"] for row in rows] == ["trial-0", "trial-1"]
    assert [row["accuracy"] for row in rows] == ["0.5", "0.6"]
    assert rows[0]["note"] == "'=1+1"
    assert rows[1]["note"] == ""


def test_a_run_has_its_figures_and_the_way_to_its_experiment(boss, experiment, runs):
    page = boss.get(f"/admin/lifecycle/run/{runs[1].uid}/work/").content.decode()

    assert f'href="{work(experiment)}"' in page
    assert runs[1].uid in page
    assert "0.6" in page
    assert 'data-chart="lines"' in page


@pytest.mark.parametrize("page", ["work", "compare"])
def test_pages_run_no_inline_script(boss, experiment, runs, page):
    answer = boss.get(work(experiment, page), {"run": [one.uid for one in runs]})

    assert "script-src 'self';" in answer["Content-Security-Policy"]


def test_number_of_queries_does_not_grow_with_runs(
    boss, experiment, runs, django_assert_max_num_queries
):
    boss.get(work(experiment))
    with django_assert_max_num_queries(20):
        boss.get(work(experiment))
    with django_assert_max_num_queries(20):
        boss.get(work(experiment, "compare"), {"run": [one.uid for one in runs]})
