"""The page of the files of a run or logged model."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lifecycle.folders import entries
from lifecycle.models import LoggedModel
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.models import User
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    run = RunFactory()
    for path in ("model/a.txt", "model/deep/b.txt", "c d&e.txt"):
        stored(run, path, b"12345")
    return run


@pytest.fixture
def staff(client, db):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def page(row, kind="run"):
    return reverse(f"admin:lifecycle_{kind}_files", args=[row.pk])


def test_a_folder_counts_all_files_below_it(run):
    top = [(one.path, one.file_count, one.size_bytes) for one in entries(run, "")]
    inner = [(one.name, one.is_folder) for one in entries(run, "model")]

    assert top == [("c d&e.txt", 1, 5), ("model", 2, 10)]
    assert inner == [("a.txt", False), ("deep", True)]


def test_folders_open_and_files_are_named_in_the_address(staff, run):
    html = staff.get(page(run)).content.decode()
    folder = staff.get(page(run), {"folder": "model"}).content.decode()

    assert "?folder=model" in html
    assert "?file=c+d%26e.txt" in html
    assert "?file=model%2Fa.txt" in folder
    assert "?folder=model%2Fdeep" in folder


def test_a_file_is_looked_into_and_loaded_down_by_the_api(staff, run):
    answer = staff.get(page(run), {"file": "model/a.txt"})

    html = answer.content.decode()
    base = f"/api/v1/ml/lifecycle/runs/{run.uid}"
    assert f'data-preview="{base}/previews/model/a.txt"' in html
    assert f'href="{base}/artifacts/model/a.txt"' in html
    assert "script-src 'self';" in answer["Content-Security-Policy"]


def test_a_logged_model_has_the_same_page(staff):
    new = NewLoggedModel(ExperimentFactory().pk, "logged")
    logged = LoggedModel.begin(new, by=None)
    stored(logged, "MLmodel", b"flavors: {}\n")

    html = staff.get(page(logged, "loggedmodel"), {"file": "MLmodel"}).content.decode()

    assert f"/logged-models/{logged.pk}/previews/MLmodel" in html


@pytest.mark.parametrize("query", [{"folder": "no"}, {"file": "no.txt"}])
def test_what_is_not_there_is_404(staff, run, query):
    assert staff.get(page(run), query).status_code == 404


def test_files_are_for_those_who_may_see_them(client, run):
    client.force_login(User.objects.create_user("clerk", is_staff=True))

    assert client.get(page(run)).status_code == 403


def test_a_folder_of_many_files_is_two_questions_more_than_the_page(staff, run):
    for number in range(30):
        stored(run, f"many/{number}.txt", b"1")
    staff.get(page(run))

    with CaptureQueriesContext(connection) as seen:
        staff.get(page(run), {"folder": "many"})

    assert len(seen) <= 9, [one["sql"][:120] for one in seen]
