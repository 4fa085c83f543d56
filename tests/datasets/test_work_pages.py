"""The pages of work of a dataset: what the server gives their scripts."""

import json
import re

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from datasets.admin.drift import table
from datasets.models import Column, Dataset, DatasetVersion
from datasets.states import VersionState
from mlops.core.admin.base import meaning, shown_bytes
from mlops.core.models import User

pytestmark = pytest.mark.django_db
TABS = ("work", "sql", "quality", "drift", "correlation", "versions", "upload")


def listed(name, *columns):
    """A dataset of two versions as rows alone: nothing of it was read from a file."""
    made = Dataset.objects.create(name=name)
    for number in (1, 2):
        version = DatasetVersion.objects.create(
            dataset=made,
            number=number,
            state=VersionState.READY,
            digest=f"{number:064x}",
            row_count=1 + number,
            column_count=len(columns),
        )
        for position, (column, kind) in enumerate(columns):
            Column.objects.create(
                version=version, position=position, name=column, data_type=kind
            )
    made.current_version = made.newest_version = version
    made.save()
    return made


@pytest.fixture
def dataset(db):
    return listed("Prices, daily", ("id", "BIGINT"), ("price", "DOUBLE"))


def signed_in(client, role):
    user = User.objects.create_user(f"a {role}", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    client.force_login(user)
    return client


@pytest.fixture
def scientist(client, db):
    return signed_in(client, "data scientist")


def page(dataset, name="work"):
    return reverse(f"admin:datasets_dataset_{name}", args=[dataset.pk])


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens_and_evaluates_nothing(scientist, dataset, name):
    answer = scientist.get(page(dataset, name))

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    assert "unsafe-eval" not in answer["Content-Security-Policy"]
    assert "<h1>Prices, daily</h1>" in html
    assert html.count('aria-current="page"') == 1


def test_the_rows_know_their_version_and_columns(scientist, dataset):
    html = scientist.get(page(dataset)).content.decode()

    columns = re.search(r'id="column-data"[^>]*>(.*?)</script>', html)
    assert json.loads(columns[1]) == [
        {"name": "id", "type": "BIGINT"},
        {"name": "price", "type": "DOUBLE"},
    ]
    assert 'data-version="2"' in html
    assert "v2 · ready · 3" in html


def test_an_address_names_the_version_and_tabs_keep_it(scientist, dataset):
    html = scientist.get(page(dataset), {"version": "1"}).content.decode()

    assert 'data-version="1"' in html
    assert f"{page(dataset, 'sql')}?version=1" in html


def test_a_version_that_is_not_there_is_404(scientist, dataset):
    answer = scientist.get(page(dataset), {"version": "9"})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": VersionState.PROCESSING}, "is being read"),
        ({"state": VersionState.FAILED, "state_reason": "a torn file"}, "a torn file"),
        ({"purged_at": "2026-01-01T00:00:00Z"}, "were purged"),
    ],
)
def test_a_version_without_rows_says_why(scientist, dataset, change, words):
    DatasetVersion.objects.filter(number=2).update(**change)

    html = scientist.get(page(dataset), {"version": "2"}).content.decode()

    assert words in html
    assert 'id="rows"' not in html


def test_a_viewer_sees_rows_and_cannot_upload(client, dataset):
    viewer = signed_in(client, "viewer")

    html = viewer.get(page(dataset)).content.decode()

    assert 'id="rows"' in html
    assert page(dataset, "upload") not in html
    assert viewer.get(reverse("admin:datasets_dataset_new")).status_code == 403


def test_a_dataset_is_begun_on_a_page_of_its_own(scientist):
    html = scientist.get(reverse("admin:datasets_dataset_new")).content.decode()

    assert 'data-target="/api/v1/features/datasets"' in html
    assert 'name="name"' in html


def test_a_page_asks_the_database_a_handful_of_questions(scientist, dataset):
    scientist.get(page(dataset))

    with CaptureQueriesContext(
        connection,
    ) as seen:
        scientist.get(page(dataset))

    assert len(seen) <= 9, [one["sql"][:120] for one in seen]


def test_a_link_to_a_dataset_leads_to_its_rows(scientist, dataset):
    html = scientist.get(reverse("admin:datasets_dataset_changelist")).content.decode()

    assert page(dataset) in html


def test_what_is_wide_on_a_version_scrolls_in_a_box_that_keys_reach():
    drawn = table(["a", "b"], [["1", "<b>"]], label="First rows")

    assert drawn.startswith(
        '<div class="sideways" tabindex="0" role="region" aria-label="First rows">'
    )
    assert "<td>&lt;b&gt;</td>" in drawn


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB (1,024 bytes)"),
        (593_561, "579.6 KiB (593,561 bytes)"),
        (5 * 2**50, "5,120.0 TiB (5,629,499,534,213,120 bytes)"),
    ],
)
def test_bytes_are_written_in_units_and_exactly(count, words):
    assert shown_bytes(count) == words


def test_json_is_shown_as_what_it_means():
    shown = meaning({"notes": ["a", "<b>"], "whole": True, "rows": {"n": 1200}})

    assert shown == (
        '<ul class="meaning"><li>notes: a, &lt;b&gt;</li><li>whole: yes</li>'
        '<li>rows: <ul class="meaning"><li>n: 1,200</li></ul></li></ul>'
    )


def test_an_empty_text_among_others_is_shown_as_one():
    assert meaning(["", "NA", None]) == '"", NA, —'
    assert meaning([]) == "—"
