import json
import re

import pytest
from django.template.loader import render_to_string

from mlops.core.admin.base import address_of, link_to
from mlops.core.models import ApiToken, User

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.work_urls")]


@pytest.fixture
def token():
    owner = User.objects.create_user("owner")
    return ApiToken.issue(owner, name="nightly")[0]


@pytest.fixture
def work(token):
    return f"/admin/core/apitoken/{token.pk}/work/"


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def policy_of(answer):
    parts = answer["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in parts)


def test_scripts_of_a_page_of_work_are_files_and_nothing_is_evaluated(boss, work):
    answer = boss.get(work)

    policy = policy_of(answer)
    assert policy["script-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' http://gateway.example:8501"
    assert "unsafe-eval" not in answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert not re.search(r"\s(x-data|x-on:|@click|hx-|on\w+=)", page)
    assert "https://" not in page


def test_page_of_work_is_for_those_who_may_see_the_row(client, work):
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)

    assert client.get(work).status_code == 403
    client.logout()
    assert client.get(work).status_code == 302


def test_page_of_a_row_that_is_not_there_is_404(boss):
    assert boss.get("/admin/core/apitoken/99/work/").status_code == 404


def test_page_of_work_leads_to_the_list_and_the_record(boss, token, work):
    page = boss.get(work).content.decode()

    assert 'href="/admin/core/apitoken/"' in page
    assert f'href="/admin/core/apitoken/{token.pk}/change/"' in page
    assert f'href="{work}" aria-current="page"' in page


def test_record_shows_the_way_to_the_page_of_work(boss, token, work):
    page = boss.get(f"/admin/core/apitoken/{token.pk}/change/").content.decode()

    assert f'href="{work}"' in page


def test_rows_of_the_list_lead_to_their_pages_of_work(boss, work):
    page = boss.get("/admin/core/apitoken/").content.decode()

    assert f'href="{work}"' in page


def test_links_lead_to_the_page_of_work_where_there_is_one(token, work):
    owner = token.user

    assert address_of(token) == work
    assert f'href="{work}"' in link_to(token)
    assert address_of(owner) == f"/admin/core/user/{owner.pk}/change/"


def test_a_chart_carries_its_values_as_data_and_has_a_table():
    values = {"series": [{"name": "</script>", "x": [1], "y": [2]}]}

    drawn = render_to_string(
        "charts/chart.html",
        {"id": "loss", "kind": "lines", "title": "Loss", "data": values},
    )

    found = re.search(r'<script id="loss-data" type="application/json">(.*?)<', drawn)
    assert json.loads(found[1]) == values
    assert "<details" in drawn
    assert "data-url" not in drawn


def test_a_chart_can_ask_for_its_values():
    drawn = render_to_string(
        "charts/chart.html", {"id": "loss", "kind": "lines", "url": "/api/v1/x?a=1&b=2"}
    )

    assert 'data-url="/api/v1/x?a=1&amp;b=2"' in drawn
    assert "<script" not in drawn
