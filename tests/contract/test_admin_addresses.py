"""Addresses of the admin: what is not there is 404, and a senseless query is refused.

Nobody who asks for one thing is shown another.
"""

import re

import pytest
from django.contrib import admin

from mlops.core.admin.base import AdminPage
from mlops.core.models import User
from tests.admin_routes import admin_routes
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

pytestmark = pytest.mark.django_db

GONE = "6be2e541-5335-4614-a113-c6fce01f7be6"
ABSENT = ["x", GONE]
REFUSED = ["p=99", "p=x", "p=-1", "nothing__exact=1"]
VARIABLE = re.compile(r"\(\?P<[^)]*\)|<[^>]*>")
BACK = 'id="back"'


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    client.raise_request_exception = False
    return client


@pytest.fixture
def world(person, monkeypatch):
    allow_slow_conversion(monkeypatch)
    return build(person("data scientist"))


def routes():
    return [route for route, _name in admin_routes()]


def lists():
    return [f"/admin/{m._meta.app_label}/{m._meta.model_name}/" for m in models()]


def models():
    return list(admin.site._registry)


def ask(client, path):
    return client.get(path, HTTP_ACCEPT="text/html")


def test_every_page_is_of_the_kind_that_refuses():
    kinds = {type(page) for page in admin.site._registry.values()}

    assert [kind for kind in kinds if not issubclass(kind, AdminPage)] == []


@pytest.mark.parametrize("absent", ABSENT)
def test_row_that_is_not_there_is_404_with_a_way_back(boss, absent):
    """Or 403, of pages where nobody may do what is asked."""
    asked = [route for route in routes() if "object_id" in route or "<id>" in route]
    for route in asked:
        answer = ask(boss, "/" + VARIABLE.sub(absent, route))
        if answer.status_code == 302:  # <id>/ leads to <id>/change/, a verb to its form
            assert absent in answer["Location"], route
            answer = ask(boss, answer["Location"])

        assert answer.status_code in {403, 404}, route
        assert BACK in answer.content.decode(), route


def test_row_that_is_not_there_is_404_for_a_form_that_is_sent(boss):
    asked = [route for route in routes() if route.endswith("object_id>/change/")]
    for route in asked:
        path = "/" + VARIABLE.sub(GONE, route)

        assert boss.post(path, {"x": "y"}).status_code in {403, 404}, route


@pytest.mark.parametrize("at", ["{}%00/change/", "{}?q=%00", "{}?version=a%00b"])
def test_nul_is_refused_on_a_page(boss, at):
    for path in [*lists(), "/admin/", "/admin/find/", "/admin/search/"]:
        answer = ask(boss, at.format(path))

        assert answer.status_code == 400, path
        assert BACK in answer.content.decode(), path


def test_nul_in_a_form_of_a_model_is_refused(boss, world):
    version = world["model_id"]
    row = boss.get(f"/admin/lifecycle/modelversion/{version}/work/")["Location"]
    form = {"do": "reject", "version": version, "reason": "a\x00b"}

    assert "lifecycle/registeredmodel" in row
    assert boss.post(row.partition("?")[0], form).status_code == 400


@pytest.mark.parametrize("query", REFUSED)
def test_list_that_cannot_be_filtered_so_is_refused(boss, query):
    """Django would lead to the whole list without a word."""
    for path in lists():
        answer = ask(boss, f"{path}?{query}")

        assert answer.status_code in {400, 403}, path
        assert BACK in answer.content.decode(), path


@pytest.mark.parametrize("version", ["99", "x", "-1", GONE])
@pytest.mark.parametrize("page", ["work", "sql", "quality", "drift", "correlation"])
def test_version_that_is_not_there_is_404(boss, world, page, version):
    path = f"/admin/datasets/dataset/{world['dataset']}/{page}/"

    assert ask(boss, f"{path}?version={version}").status_code == 404
    assert ask(boss, f"{path}?version=2").status_code == 200


@pytest.mark.parametrize("hours", ["0", "7", "x", "-24", "24.0"])
def test_home_page_of_a_span_that_it_has_not_is_refused(boss, hours):
    assert ask(boss, f"/admin/?hours={hours}").status_code == 400
    assert ask(boss, "/admin/?hours=24").status_code == 200


@pytest.mark.parametrize("version", ["x", GONE])
def test_form_of_a_deployment_of_no_version_is_404(boss, version):
    path = "/admin/deployments/deployment/add/"

    assert ask(boss, f"{path}?model_version={version}").status_code == 404
    assert ask(boss, path).status_code == 200
