"""Addresses of the admin that nobody was given: no page breaks, none is silent."""

import re
from http import HTTPStatus
from urllib.parse import quote

import pytest
from django.contrib import admin

from mlops.core.models import User
from tests.admin_routes import admin_routes
from tests.contract.world import build

pytestmark = pytest.mark.django_db

GONE = "00000000-0000-0000-0000-000000000000"
IDS = (GONE, "\0", "nope", "-1", "9" * 26, "a/b", "\N{GRINNING FACE}")
QUERIES = (
    *("p=-1", "p=99999999999999999999", "o=999.-5.x", "page=99999999999"),
    *("version=99", "path=..%2F..", "_popup=1", "left=99&right=98", "hours=-1"),
    *(
        f"{name}=%00"
        for name in (
            *("q", "all", "version", "hours", "runs", "path", "after", "sort"),
            *("filter", "search", "next", "tab", "column", "metric", "term", "at"),
        )
    ),
)
BY_DJANGO = ("_changelist", "_add", "_change", "_history", "_delete")
OBJECT = re.compile(r"<\w+:(?:object_id|pk)>")
FORMS = (
    *(
        "/admin/datasets/dataset/{}/add_version/",
        "/admin/datasets/dataset/{}/versions/",
    ),
    *("/admin/datasets/dataset/{}/append_rows/", "/admin/datasets/dataset/{}/work/"),
    "/admin/datasets/datasetversion/{}/read_again/",
    *(
        f"/admin/deployments/deployment/{{}}/{verb}/"
        for verb in ("promote", "roll-back", "terminate", "issue_key", "check_drift")
    ),
    "/admin/lifecycle/modelversion/{}/approve/",
    "/admin/lifecycle/run/{}/register/",
)
CLIENTS_FAULT = range(400, 500)
ONCE = 6
"""One of so many lists and forms that Django makes is asked with each query."""


def addresses():
    """Return the address and the name of every page of the admin."""
    return [(f"/{route}", name) for route, name in admin_routes() if "(" not in route]


@pytest.fixture
def owner(db):
    return User.objects.create_superuser("chief")


@pytest.fixture
def chief(client, owner):
    client.force_login(owner)
    client.raise_request_exception = False
    return client


@pytest.fixture
def rows(owner):
    """The id of a row, by the part of an address that its table has."""
    build(owner)
    first = {one._meta: one._default_manager.first() for one in admin.site._registry}
    return {
        f"/{meta.app_label}/{meta.model_name}/": str(row.pk)
        for meta, row in first.items()
        if row
    }


@pytest.mark.parametrize("page", FORMS)
def test_a_form_of_what_is_not_there_is_404(chief, page):
    assert [
        chief.get(page.format(quote(one, safe="")), follow=True).status_code
        for one in IDS
    ] == [
        HTTPStatus.BAD_REQUEST if "\0" in one else HTTPStatus.NOT_FOUND for one in IDS
    ]


@pytest.mark.slow
@pytest.mark.parametrize("identity", IDS)
def test_what_is_not_there_is_told_on_every_page(chief, identity):
    silent = []
    pages = [address for address, _name in addresses() if OBJECT.search(address)]
    for page in pages:
        address = OBJECT.sub(quote(identity, safe=""), page)
        status = chief.get(address, follow=True).status_code
        if status not in CLIENTS_FAULT:
            silent.append((address, status))

    assert len(pages) > 300
    assert silent == []


@pytest.mark.slow
def test_no_query_breaks_a_page(chief, rows):
    own, djangos = [], []
    for address, name in addresses():
        table = re.match(r"/admin(/\w+/\w+/)", address)
        page = OBJECT.sub(rows.get(table[1], GONE) if table else GONE, address)
        if "logout" not in name:
            (djangos if name.endswith(BY_DJANGO) else own).append(page)

    broken = [
        (page, query, answer.status_code)
        for page in own + djangos[::ONCE]
        for query in QUERIES
        if (answer := chief.get(f"{page}?{query}")).status_code >= 500
    ]

    assert len(own) > 50
    assert broken == []
