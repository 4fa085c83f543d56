"""Home: what serves and how it is, what waits, what failed, what happened."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone, translation

from datasets.models import Dataset, DatasetVersion, IngestJob
from datasets.states import QualityStatus, VersionState
from lifecycle.models import DriftEvent, ModelVersion
from mlops.core import audit
from mlops.core.models import AuditEntry, User
from mlops.dashboard import figures, news, search
from tests.deployments.factories import DeploymentFactory, count
from tests.lifecycle.factories import RunFactory, VersionFactory

pytestmark = pytest.mark.django_db

MOST_QUERIES = 24


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def home(client):
    return client.get(reverse("admin:index"))


def text(client):
    return home(client).content.decode()


def dataset(name, **version):
    made = Dataset.objects.create(name=name)
    known = {"number": 1, "state": VersionState.READY, "digest": (name * 8)[:64]}
    made.newest_version = DatasetVersion.objects.create(dataset=made, **known | version)
    if made.newest_version.state == VersionState.READY:
        made.current_version = made.newest_version
    made.save()
    return made


def test_home_runs_scripts_from_files_alone(boss):
    policy = home(boss)["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


def test_what_serves_is_shown_with_how_it_was_in_the_last_day(boss):
    deployment = DeploymentFactory(active=True)
    now = timezone.now()
    for ago, requests, errors in ((2, 1000, 3), (48, 500_000, 0)):
        moment = now - timedelta(hours=ago)
        count(
            deployment,
            moment,
            gateway="g",
            request_count=requests,
            error_count=errors,
            histogram={"20": requests},
        )

    (shown,) = figures.serving_now()

    assert shown.figures.request_count == 1000
    assert shown.errors == "0.30%"
    assert shown.p50_ms == shown.figures.percentile_ms(0.5)
    assert str(deployment.slot.model) in text(boss)


@pytest.mark.parametrize(
    ("rate", "shown"), [(0.0, "0.00%"), (1e-6, "<0.01%"), (0.5, "50.00%")]
)
def test_rate_that_is_not_zero_never_looks_like_it(rate, shown):
    assert figures.percent(rate) == shown


def test_production_stands_first():
    for environment in ("development", "production", "staging"):
        DeploymentFactory(active=True, slot__environment=environment)

    places = [one.deployment.slot.environment for one in figures.serving_now()]

    assert places == ["production", "staging", "development"]


def test_version_with_a_checklist_waits_until_it_is_approved_or_archived():
    waiting = VersionFactory()
    VersionFactory(passed=True, approved=True)
    VersionFactory(stage="archived")
    VersionFactory(checklist=[])

    assert news.approvals_waiting() == [waiting]


def test_approval_leads_to_the_version_on_the_page_of_its_model(boss):
    version = VersionFactory()

    page = reverse("admin:lifecycle_modelversion_work", args=[version.pk])
    assert f'href="{page}"' in text(boss)
    assert f"?version={version.pk}#version" in boss.get(page).url


def test_failed_checks_and_readings_are_shown(boss):
    dataset("broken", quality_status=QualityStatus.FAILED)
    dataset("unread", state=VersionState.FAILED)
    dataset("fine")

    assert [one.name for one in news.failed_checks()] == ["broken"]
    assert [one.name for one in news.failed_readings()] == ["unread"]
    assert "fine" not in text(boss)


def test_reading_under_way_shows_how_far_it_is(boss):
    version = dataset("big", state=VersionState.PROCESSING).newest_version
    IngestJob.objects.create(
        version=version, bytes_total=1000, bytes_done=250, rows_done=77
    )

    page = text(boss)

    assert '<progress max="1000" value="250"' in page
    assert "77 rows read" in page


def test_failed_deployment_of_this_week_is_shown_with_its_error(boss):
    DeploymentFactory(status="failed", error_message="no such column")

    assert "no such column" in text(boss)


def test_drift_of_the_last_days_is_news(boss):
    version = VersionFactory()
    DriftEvent.note(
        version, by=None, severity="high", metric_name="psi", metric_value=0.4
    )

    assert [one.metric_name for one in news.drift()] == ["psi"]
    assert str(version) in text(boss)


def test_what_happened_names_the_person_and_leads_to_the_thing(boss, person):
    version = VersionFactory()
    audit.record("move_to_stage", version, by=person("approver"))

    with translation.override("en"):
        (newest, *_) = news.done()

    assert (newest.actor, newest.action) == ("approver", "moved to a stage")
    assert newest.name == str(version)
    assert str(version.pk) in newest.url


def test_entry_about_what_is_no_longer_a_table_has_no_link():
    entry = AuditEntry.objects.create(
        action="x", object_type="evaluation.harness", object_id="1", object_name="old"
    )

    (shown,) = news.done()

    assert (shown.kind, shown.name, shown.url) == (entry.object_type, "old", "")


def test_who_may_not_read_the_trail_sees_the_steps_of_deployments(client, person):
    viewer = person("viewer")
    User.objects.filter(pk=viewer.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=viewer.pk))

    context = home(client).context

    assert "done" not in context
    assert "moves" in context


def test_home_shows_nothing_that_one_may_not_see(client):
    client.force_login(User.objects.create_user("clerk", is_staff=True))

    context = home(client).context

    for panel in ("serving", "approvals", "failed_checks", "drift", "done", "moves"):
        assert panel not in context


@pytest.mark.parametrize("rows", [1, 12])
def test_home_asks_a_bounded_number_of_queries(
    boss, rows, django_assert_max_num_queries
):
    for number in range(rows):
        version = VersionFactory(model=f"waiting-{number}")
        DeploymentFactory(active=True)
        DeploymentFactory(status="failed")
        DeploymentFactory(status="pending")
        DriftEvent.note(
            version, by=None, severity="low", metric_name="psi", metric_value=0.1
        )
        dataset(f"broken-{number}", quality_status=QualityStatus.FAILED)
        dataset(f"unread-{number}", state=VersionState.FAILED)
        reading = dataset(f"big-{number}", state=VersionState.PROCESSING)
        IngestJob.objects.create(version=reading.newest_version)
        RunFactory()

    with django_assert_max_num_queries(MOST_QUERIES):
        home(boss)

    assert ModelVersion.objects.count() >= rows


def test_all_tables_are_a_page_behind_home(boss):
    page = boss.get(reverse("all-tables")).content.decode()

    for model in admin.site._registry:
        meta = model._meta
        name = f"admin:{meta.app_label}_{meta.model_name}_changelist"
        assert reverse(name) in page
    assert reverse("all-tables") in text(boss)


def test_find_is_a_page_without_the_themes_scripts(boss):
    RunFactory(name="late-night")

    answer = boss.get(reverse("find"), {"q": "late-n"})

    assert "late-night" in answer.content.decode()
    assert "1 result " in answer.content.decode()
    assert "unsafe-eval" not in answer["Content-Security-Policy"]


def test_find_has_the_list_alone_for_below_the_field(boss):
    RunFactory(name="late-night")

    answer = boss.get(reverse("find"), {"q": "late-n", "part": "list"})
    nothing = boss.get(reverse("find"), {"q": "late-none", "part": "list"})

    assert ">late-night</a>" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert "Nothing has that name or id." in nothing.content.decode()


def test_what_has_exactly_the_name_comes_first(boss):
    for number in range(2 * search.SHOWN):
        RunFactory(name=f"night-1{number}")
    RunFactory(name="night-1")
    for number in range(2 * search.SHOWN, 3 * search.SHOWN):
        RunFactory(name=f"night-1{number}")

    answer = boss.get(reverse("find"), {"q": "night-1"})

    runs = [one.title for one in answer.context["results"]]
    assert runs[0] == "night-1"
    assert len(runs) == search.SHOWN


def test_menu_has_no_heading_without_a_page_below(client, boss):
    assert ">People and access</h2>" in text(boss)

    client.force_login(User.objects.create_user("clerk", is_staff=True))

    assert ">More</h2>" in text(client)
    assert ">People and access</h2>" not in text(client)
