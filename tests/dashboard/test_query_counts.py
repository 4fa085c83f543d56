"""A list or page of the admin costs the same queries, however much there is."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import Column, Dataset, DatasetVersion
from lifecycle.admin import run_search
from lifecycle.models import Artifact, NewCheck, NewFigure, NewPoint, Run, RunTag
from mlops.core import audit
from mlops.core.admin.base import ROWS
from mlops.core.models import User
from tests.deployments.factories import DeploymentFactory
from tests.lifecycle.factories import RunFactory, VersionFactory

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def runs(count):
    for _ in range(count):
        run = RunFactory()
        run.log(metrics=[NewPoint("f1", 0.5)], params={"depth": 1}, tags={"t": "x"})


def datasets(count):
    for _ in range(count):
        dataset = Dataset.objects.create(name=f"table-{next(_numbers)}")
        version = DatasetVersion.objects.create(dataset=dataset, number=1)
        Dataset.objects.filter(pk=dataset.pk).update(
            current_version=version, newest_version=version
        )
        Column.objects.create(version=version, position=0, name="x", data_type="float")


def versions(count):
    for _ in range(count):
        VersionFactory(metrics=[NewFigure("f1", 0.5)], checklist=[NewCheck("bias")])


def deployments(count):
    for _ in range(count):
        DeploymentFactory(active=True)


def entries(count):
    boss = User.objects.get(username="boss")
    for _ in range(count):
        audit.record("change", boss, by=boss)


LISTS = {
    "/admin/": deployments,
    "/admin/core/auditentry/": entries,
    "/admin/datasets/column/": datasets,
    "/admin/datasets/dataset/": datasets,
    "/admin/datasets/datasetversion/": datasets,
    "/admin/deployments/deployment/": deployments,
    "/admin/lifecycle/experiment/": runs,
    "/admin/lifecycle/latestmetric/": runs,
    "/admin/lifecycle/modelversion/": versions,
    "/admin/lifecycle/registeredmodel/": versions,
    "/admin/lifecycle/run/": runs,
}


@pytest.mark.parametrize("url", LISTS)
def test_list_costs_the_same_however_long_it_is(staff, url):
    LISTS[url](2)
    few = queries_of(staff, url)
    LISTS[url](7)

    assert queries_of(staff, url) == few


def test_record_of_a_run_makes_each_field_once(staff):
    run = RunFactory()
    run.log(metrics=[NewPoint("f1", 0.5, step) for step in range(3)])

    asked = statements_of(staff, f"/admin/lifecycle/run/{run.pk}/change/")

    assert sum('FROM "lifecycle_runtag"' in one for one in asked) == 1
    assert sum('FROM "lifecycle_artifact"' in one for one in asked) == 2  # and a count


@pytest.mark.parametrize("url", LISTS)
def test_no_list_reads_every_row_for_its_filters(staff, url):
    asked = statements_of(staff, url)

    assert not [one for one in asked if "SELECT DISTINCT django_datetime" in one]


def test_a_list_names_datasets_on_its_page_alone(staff):
    datasets(ROWS + 3)

    page = staff.get("/admin/datasets/datasetversion/").content.decode()

    named = {one.name for one in Dataset.objects.all() if f"{one.name} " in page}
    assert len(named) == ROWS


def test_experiment_page_does_not_count_the_runs(staff):
    run = RunFactory()

    asked = statements_of(
        staff, f"/admin/lifecycle/experiment/{run.experiment_id}/work/"
    )

    assert not [one for one in asked if "alive_runs" in one]


def test_list_of_experiments_counts_living_runs(staff):
    run = RunFactory()
    RunFactory(experiment=run.experiment)
    RunFactory(experiment=run.experiment, deleted_ms=1)

    page = staff.get("/admin/lifecycle/experiment/").content.decode()

    link = f"/admin/lifecycle/run/?experiment__id__exact={run.experiment_id}"
    assert f'{link}">2</a>' in page


def test_runs_are_found_by_id_name_and_tag_each_once(staff):
    by_id = RunFactory(uid="alpha-1")
    by_name = RunFactory(uid="r-2", name="of Alpha kind")
    by_tag = RunFactory(uid="r-3")
    by_tag.log(tags={"team": "alpha", "note": "alpha"})
    RunFactory(uid="r-4")

    answer = staff.get("/admin/lifecycle/run/?q=alpha")

    found = list(answer.context["cl"].result_list)
    assert sorted(found, key=lambda run: run.pk) == [by_id, by_name, by_tag]
    assert RunTag.objects.count() == 2


def test_search_among_runs_reads_their_names_once(staff):
    for number in range(3):
        RunFactory(name=f"alpha {number}")

    asked = statements_of(staff, "/admin/lifecycle/run/?q=alpha")

    of_runs = [one for one in asked if 'FROM "lifecycle_run"' in one]
    assert sum("%alpha%" in one for one in of_runs) == 1


def test_runs_are_all_found_however_many_have_the_name(staff, monkeypatch):
    monkeypatch.setattr(run_search, "MOST_FOUND", 2)
    for number in range(4):
        RunFactory(name=f"alpha {number}")
    RunFactory(name="beta")

    answer = staff.get("/admin/lifecycle/run/?q=alpha")

    assert answer.context["cl"].result_count == 4


def test_record_of_a_run_shows_the_first_files_and_leads_to_all(staff):
    run = RunFactory()
    address = f"/admin/lifecycle/run/{run.pk}/change/"
    files = [Artifact(run=run, path=f"b/{number}.txt") for number in range(101)]
    Artifact.objects.bulk_create(files[:100])
    assert "All 1" not in staff.get(address).content.decode()
    files[100].save()

    page = staff.get(address).content.decode()

    assert "All 101 files" in page
    assert f"/admin/lifecycle/run/{run.pk}/files/" in page


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans of SQLite")
def test_runs_are_counted_and_listed_by_their_indexes():
    counted = Run.objects.filter(experiment=1, deleted_ms=None).order_by()

    assert "INDEX run_alive" in counted.values("experiment").explain()
    assert "run_started" in Run.objects.all()[:25].explain()
    newest = Run.objects.filter(experiment=1, deleted_ms=None)[:25].explain()
    assert "TEMP B-TREE" not in newest


def statements_of(client, url):
    client.get(url)  # the caller's permissions are looked up once
    with CaptureQueriesContext(connection) as context:
        assert client.get(url).status_code == 200
    return [one["sql"] for one in context.captured_queries]


def queries_of(client, url):
    return len(statements_of(client, url))
