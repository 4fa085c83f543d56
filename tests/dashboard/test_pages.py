"""The first page, the admin's overview and the look of every admin page."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from datasets.models import Dataset, DatasetVersion
from datasets.states import VersionState
from mlops.core.models import User
from mlops.dashboard import figures
from tests.deployments.factories import DeploymentFactory, count
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    boss = User.objects.create_superuser("boss", password="x")
    client.force_login(boss)
    return client


def counted(deployment, minutes_ago, **counts):
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    count(deployment, moment, gateway="test", **counts)


def start_page(client):
    return client.get("/", headers={"Accept": "text/html"}).content.decode()


def test_start_page_links_everything_for_a_browser(client):
    page = start_page(client)

    for address in ("/api/docs/", "/admin/", "/api/schema/"):
        assert f'href="{address}"' in page


def test_every_link_of_the_start_page_is_a_page_to_who_is_not_signed_in(client):
    links = re.findall(r'<a href="([^"]+)"', start_page(client))

    assert len(links) == 6
    for link in links:
        answer = client.get(link, follow=True, headers={"Accept": "text/html"})
        assert answer.status_code == 200, link
        assert answer["Content-Type"].startswith("text/html"), link


def test_start_page_has_calls_to_copy_at_its_own_address(client):
    page = start_page(client)

    assert "export MLFLOW_TRACKING_URI=http://testserver" in page
    assert "http://testserver/api/v1/ml/lifecycle/deployments" in page
    for name in re.findall(r'data-copies="([^"]+)"', page):
        assert f'<pre id="{name}"' in page


def test_browsers_find_the_icon_where_they_look_for_it(client):
    answer = client.get("/favicon.ico")

    icon = b"".join(answer.streaming_content)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/x-icon")
    assert icon.startswith(b"\x00\x00\x01\x00"), "an icon file"
    assert icon.count(b"\x89PNG") == icon[4] == 3


def test_start_page_says_nothing_of_terminals_in_production(client, settings):
    assert "issue_token" in start_page(client)

    settings.PRODUCTION = True

    assert "issue_token" not in start_page(client)


def test_start_page_gives_programs_json(client):
    links = client.get("/").json()

    assert links["docs"] == "http://testserver/api/docs/"
    assert client.get(links["schema"]).status_code == 200


def test_start_page_is_korean_for_who_asks(client):
    page = client.get("/", headers={"Accept": "text/html", "Accept-Language": "ko"})

    assert "데이터셋" in page.content.decode()


@pytest.mark.parametrize(
    "address", ["/admin", "/api/docs", "/api/schema", "/api/schema/seed"]
)
def test_pages_are_found_without_their_last_slash(client, address):
    answer = client.get(address, follow=True)

    assert answer.status_code == 200


def test_overview_of_an_empty_store_says_so(staff):
    page = staff.get(reverse("admin:index")).content.decode()

    assert "No request yet" in page
    assert "Nothing is deployed." in page


def test_overview_draws_what_was_counted(staff):
    deployment = DeploymentFactory(active=True)
    counted(deployment, 5, request_count=40, error_count=1, histogram={"20": 40})

    page = staff.get(reverse("admin:index")).content.decode()

    assert str(deployment.slot.model) in page
    assert 'class="bad"' in page
    assert 'class="line primary"' in page


@pytest.mark.parametrize(("hours", "points"), [("1", 60), ("24", 24), ("168", 56)])
def test_overview_takes_a_period(staff, hours, points):
    response = staff.get(reverse("admin:index"), {"hours": hours})

    assert response.context["hours"] == int(hours)
    requests, _ = figures.traffic(int(hours))
    assert len(requests.labels) == points


@pytest.mark.parametrize("hours", ["0", "-1", "2", "x", "1e9"])
def test_overview_refuses_a_period_that_is_not_offered(staff, hours):
    response = staff.get(reverse("admin:index"), {"hours": hours})

    assert response.status_code == 400
    assert staff.get(reverse("admin:index")).context["hours"] == 1


def test_overview_shows_only_what_one_may_see(client):
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)

    response = client.get(reverse("admin:index"))

    assert response.status_code == 200
    for panel in ("traffic", "runs", "stored", "serving"):
        assert panel not in response.context


def test_traffic_counts_each_request_once():
    deployment = DeploymentFactory(active=True)
    counted(deployment, 5, request_count=40, error_count=1)
    counted(deployment, 30, request_count=9, unavailable_count=4, rejected_count=3)
    counted(deployment, 180, request_count=1000)

    requests, _ = figures.traffic(1)

    totals = [line.total for line in requests.lines]
    assert totals == [41, 1, 4, 3]


def test_rows_add_up_over_the_days():
    now = timezone.now()
    dataset = Dataset.objects.create(name="prices")
    for number, (days_ago, rows) in enumerate(((40, 5), (2, 10), (0, 100))):
        DatasetVersion.objects.create(
            dataset=dataset,
            number=number,
            state=VersionState.READY,
            digest=f"{number:064x}",
            row_count=rows,
            ready_at=now - timedelta(days=days_ago),
        )

    (line,) = figures.stored_rows().lines

    assert line.values[0] == 5
    assert list(line.values[-3:]) == [15, 15, 115]


def test_runs_are_counted_on_the_day_they_started():
    now_ms = int(timezone.now().timestamp() * 1000)
    RunFactory(started_ms=now_ms)
    RunFactory(started_ms=now_ms - 86_400_000, status="failed")
    RunFactory(started_ms=now_ms - 40 * 86_400_000)

    runs, failed = figures.runs_per_day().lines

    assert list(runs.values[-2:]) == [0, 1]
    assert list(failed.values[-2:]) == [1, 0]
    assert runs.total + failed.total == 2


def test_every_admin_page_has_the_theme():
    plain = [
        model.__name__
        for model, page in admin.site._registry.items()
        if not isinstance(page, ModelAdmin)
    ]

    assert plain == []


def test_no_list_has_a_link_around_a_link():
    """What is in both has no name for those who hear the page."""
    assert [
        model._meta.label
        for model, page in admin.site._registry.items()
        if (column := getattr(page, str(page.list_display[0]), None))
        and "SafeString" in str(getattr(column, "__annotations__", {}).get("return"))
        and page.list_display[0] in (page.list_display_links or page.list_display[:1])
    ] == []


def test_every_list_of_the_admin_opens(staff):
    for model in admin.site._registry:
        meta = model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")

        assert staff.get(url).status_code == 200, url


def test_only_pages_that_show_the_tables_list_them(staff, monkeypatch):
    made, make = [], AdminSite.get_app_list
    monkeypatch.setattr(
        AdminSite, "get_app_list", lambda *of: made.append(of) or make(*of)
    )

    staff.get(reverse("admin:index"))
    assert made == []

    page = staff.get(reverse("all-tables"))
    assert len(made) == 1
    assert "/admin/lifecycle/run/" in page.content.decode()
