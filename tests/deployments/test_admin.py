"""The staff's pages: the whole loop of a deployment without the API."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.admin import forms
from deployments.models import (
    Deployment,
    DeploymentKey,
    EnvironmentRule,
)
from deployments.states import Status
from mlops.core.models import AuditEntry
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
    walked,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/deployments/deployment/"
FORM = {
    "environment": "development",
    "instances": 1,
    "instance_type": "standard",
    "strategy": "all_at_once",
    "seconds_per_step": 60,
}


@pytest.fixture
def staff(person, client):
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    "model",
    [
        "deployment",
        "deploymentevent",
        "trafficwindow",
        "slot",
        "deploymentkey",
        "environmentrule",
        "lease",
        "driftrule",
        "driftcheck",
        "alerthook",
        "alertdelivery",
    ],
)
def test_every_list_is_shown(staff, model):
    deployment = served(VersionFactory())
    DeploymentKey.issue(deployment.slot, "shop", by=None)
    count(deployment, timezone.now(), request_count=5)

    assert (
        staff.get(reverse(f"admin:deployments_{model}_changelist")).status_code == 200
    )


def test_the_list_shows_badges_and_traffic_in_a_few_queries(
    staff, django_assert_max_num_queries
):
    for deployment in DeploymentFactory.create_batch(5, active=True):
        count(deployment, timezone.now(), request_count=5)
    staff.get(LIST)

    with django_assert_max_num_queries(16):
        page = staff.get(LIST).content.decode()

    assert page.count("5 requests in the last hour") == 5
    assert "active" in page
    assert "degraded" in page


def test_a_version_is_deployed_from_the_form(staff, person):
    version = VersionFactory()
    page = staff.get(f"{LIST}add/?model_version={version.pk}")

    answer = staff.post(f"{LIST}add/", {**FORM, "model_version": version.pk})

    assert f'value="{version.pk}" selected' in page.content.decode()
    deployment = Deployment.objects.get()
    assert answer["Location"] == f"{LIST}{deployment.pk}/work/"
    assert deployment.created_by == person("admin")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"environment": "production"}, "needs an approval"),
        ({"strategy": "canary"}, "A canary needs 1 to 20 rising steps"),
        ({"strategy": "canary", "steps": "ten"}, "Give whole numbers"),
        ({"instances": 99}, "less than or equal to 32"),
    ],
)
def test_what_a_rule_refuses_is_shown_in_the_form(staff, change, text):
    version = VersionFactory()

    answer = staff.post(f"{LIST}add/", {**FORM, "model_version": version.pk, **change})

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert not Deployment.objects.exists()


def test_a_canary_is_asked_for_in_the_form(staff):
    version = VersionFactory()
    form = {**FORM, "model_version": version.pk, "strategy": "canary", "steps": "5, 50"}

    staff.post(f"{LIST}add/", form)

    assert Deployment.objects.get().plan.strategy.steps == (5, 50)


def test_the_page_of_a_deployment_tells_its_story(staff):
    deployment = served(VersionFactory())

    page = staff.get(f"{LIST}{deployment.pk}/change/").content.decode()

    assert deployment.endpoint in page
    assert "deploying → active" in page
    assert f"/admin/lifecycle/modelversion/{deployment.model_version_id}" in page


def buttons(staff, deployment):
    page = staff.get(f"{LIST}{deployment.pk}/change/").content.decode()
    verbs = ("roll-back", "terminate", "cancel", "promote", "pause", "resume", "abort")
    return {verb for verb in verbs if f"{LIST}{deployment.pk}/{verb}/" in page}


def test_only_buttons_that_fit_are_shown(staff):
    version = VersionFactory()
    active, pending = served(version), Deployment.request(version, "staging", by=None)
    canary = DeploymentFactory(
        model_version=version,
        status="deploying",
        strategy={"type": "canary", "steps": [10], "seconds_per_step": 60},
        rollout_at=timezone.now(),
    )
    failed = DeploymentFactory(status="failed")

    assert buttons(staff, active) == {"roll-back", "terminate"}
    assert buttons(staff, pending) == {"cancel"}
    assert buttons(staff, canary) == {"promote", "pause", "abort"}
    assert buttons(staff, failed) == set()


@pytest.mark.parametrize(
    ("verb", "column", "value"),
    [
        ("pause", "is_paused", True),
        ("resume", "is_paused", False),
        ("promote", "is_promoted", True),
        ("abort", "ends_as", Status.FAILED),
    ],
)
def test_a_button_steers_the_rollout(staff, verb, column, value):
    canary = DeploymentFactory(
        status="deploying",
        strategy={"type": "canary", "steps": [10], "seconds_per_step": 60},
        rollout_at=timezone.now(),
        is_paused=verb == "resume",
    )

    staff.post(f"{LIST}{canary.pk}/{verb}/", {"reason": ""})

    canary.refresh_from_db()
    assert getattr(canary, column) == value


def test_a_button_asks_first_and_then_rolls_back(staff):
    version = VersionFactory()
    served(version)
    second = served(VersionFactory(model=version.model))

    asked = staff.get(f"{LIST}{second.pk}/roll-back/")
    nothing_yet = Deployment.objects.count()
    staff.post(f"{LIST}{second.pk}/roll-back/", {"reason": "wrong labels"})

    assert (asked.status_code, nothing_yet) == (200, 2)
    restored = Deployment.objects.get(rollback_from=second)
    assert restored.reason == "wrong labels"
    assert walked(restored).status == Status.ACTIVE


def test_a_button_shows_what_the_verb_refuses(staff):
    only = served(VersionFactory())

    page = staff.post(f"{LIST}{only.pk}/roll-back/", {"reason": ""})

    assert "There is no earlier version" in page.content.decode()


def test_actions_on_many_say_what_became_of_each(staff):
    version = VersionFactory()
    active, pending = served(version), Deployment.request(version, "staging", by=None)

    chosen = {"action": "terminate", "_selected_action": [active.pk, pending.pk]}
    asked = staff.post(LIST, chosen)
    active.refresh_from_db()
    untouched = active.ends_as
    page = staff.post(
        LIST, {**chosen, "confirmed": "1", "reason": "too slow"}, follow=True
    ).content.decode()

    active.refresh_from_db()
    assert (asked.status_code, untouched) == (200, "")
    assert active.ending["message"] == "too slow"
    assert active.ends_as == Status.TERMINATED
    assert "Only an active deployment can be terminated" in page


@pytest.mark.parametrize("verb", ["roll_back", "terminate", "cancel", "promote"])
def test_an_action_of_the_list_asks_and_says_what_it_will_do(staff, verb):
    deployment = served(VersionFactory())
    chosen = {"action": verb, "_selected_action": [deployment.pk], "select_across": "0"}

    page = staff.post(LIST, chosen).content.decode()

    deployment.refresh_from_db()
    assert (deployment.status, deployment.ends_as) == (Status.ACTIVE, "")
    assert 'name="reason"' in page
    assert f'name="action" value="{verb}"' in page
    assert f'name="_selected_action" value="{deployment.pk}"' in page
    assert str(deployment) in page


def test_roll_back_of_the_list_keeps_the_reason(staff):
    first = served(VersionFactory())
    second = served(VersionFactory(model=first.slot.model))
    chosen = {"action": "roll_back", "_selected_action": [second.pk]}

    staff.post(LIST, {**chosen, "confirmed": "1", "reason": "p95 rose"})

    assert Deployment.objects.get(rollback_from=second).reason == "p95 rose"


def test_what_cannot_be_saved_has_no_button_that_would(staff):
    page = staff.get(f"{LIST}{DeploymentFactory(active=True).pk}/change/")

    assert 'name="_save"' not in page.content.decode()
    assert 'name="_continue"' not in page.content.decode()
    assert 'name="_addanother"' not in page.content.decode()


def test_a_key_is_made_shown_once_and_revoked(staff):
    deployment = served(VersionFactory())

    page = staff.post(
        f"{LIST}{deployment.pk}/issue_key/", {"name": "shop"}, follow=True
    ).content.decode()
    key = DeploymentKey.objects.get()
    shown = key.prefix in page
    staff.post(
        "/admin/deployments/deploymentkey/",
        {"action": "revoke", "_selected_action": [key.pk]},
    )

    key.refresh_from_db()
    assert shown
    assert key.revoked_at is not None


def test_a_key_has_the_limits_that_the_form_asked_for(staff):
    deployment = served(VersionFactory())
    limits = {"expires_at": "2099-05-01 12:00", "rate_per_minute": 5, "daily_quota": 9}

    staff.post(f"{LIST}{deployment.pk}/issue_key/", {"name": "shop", **limits})

    key = DeploymentKey.objects.get()
    assert (key.rate_per_minute, key.daily_quota) == (5, 9)
    assert key.expires_at == datetime(2099, 5, 1, 12, tzinfo=UTC)
    page = staff.get("/admin/deployments/deploymentkey/").content.decode()
    assert "5 a minute, 9 a day" in page
    one = staff.get(f"/admin/deployments/deploymentkey/{key.pk}/change/")
    assert "Calls today (utc)" in one.content.decode().replace("UTC", "utc")


def test_an_expiry_in_the_past_is_refused_at_its_field(staff):
    deployment = served(VersionFactory())

    page = staff.post(
        f"{LIST}{deployment.pk}/issue_key/",
        {"name": "shop", "expires_at": "2001-01-01 00:00"},
    )

    assert "A key expires in the future." in page.content.decode()
    assert not DeploymentKey.objects.exists()


def test_limits_and_stickiness_are_asked_for_in_the_form_and_shown(staff):
    limits = {"timeout_s": 30, "max_concurrency": 7, "max_body_bytes": 4096}
    asked = {
        **FORM,
        "strategy": "canary",
        "steps": "10, 50",
        **limits,
        "min_instances": 1,
        "max_instances": 3,
        "auto_scaling": "on",
        "sticky_by": "header",
        "sticky_header": "X-User",
    }

    staff.post(f"{LIST}add/", {**asked, "model_version": VersionFactory().pk})

    deployment = Deployment.objects.get()
    assert {name: getattr(deployment, name) for name in limits} == limits
    assert (deployment.min_instances, deployment.max_instances) == (1, 3)
    assert deployment.plan.strategy.sticky_name == "x-user:"
    page = staff.get(f"{LIST}{deployment.pk}/change/").content.decode()
    assert "30 s, 7 at once in an instance, 4.0 KiB (4,096 bytes)" in page
    assert "X-User" in page


def test_limits_that_nobody_asked_for_are_shown_as_they_are(staff):
    page = staff.get(f"{LIST}{DeploymentFactory(active=True).pk}/change/")

    said = "10 s, 100 at once in an instance, 16.0 MiB (16,777,216 bytes)"
    assert said in page.content.decode()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"timeout_s": 601}, "less than or equal to 600"),
        ({"sticky_by": "key"}, "Only a canary is sticky"),
        (
            {"auto_scaling": "on", "min_instances": 3, "instances": 2},
            "must not fall in this order",
        ),
        ({"max_instances": 3}, "max_instances is for auto_scaling"),
        ({"seconds_per_step": 30}, "Only a canary has steps"),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_the_form(staff, change, text):
    asked = {**FORM, "model_version": VersionFactory().pk, **change}

    answer = staff.post(f"{LIST}add/", asked)

    assert text in answer.content.decode()
    assert not Deployment.objects.exists()


def test_a_rule_is_changed_and_that_is_on_record(staff):
    rule = EnvironmentRule.objects.get(pk="staging")
    url = "/admin/deployments/environmentrule/staging/change/"

    staff.post(
        url,
        {
            "needs_approval": "on",
            "author_may_approve": "on",
            "progress_deadline_s": 300,
            "bake_s": 60,
            "max_error_rate": 0.05,
            "max_non_finite_rate": 0.05,
            "min_requests": 20,
            "sample_rate": 0,
            "sample_days": 30,
            "sample_max_mb": 64,
        },
    )

    rule.refresh_from_db()
    assert rule.needs_approval
    entry = AuditEntry.objects.get(action="change_rule")
    assert entry.changes == {"needs_approval": [False, True]}


def test_staff_without_the_permission_see_no_button_and_cannot_press_it(person, client):
    viewer = person("viewer")
    viewer.is_staff = True
    viewer.save()
    client.force_login(viewer)
    deployment = served(VersionFactory())

    assert buttons(client, deployment) == set()
    assert client.post(f"{LIST}{deployment.pk}/terminate/").status_code == 403
    deployment.refresh_from_db()
    assert deployment.status == Status.ACTIVE


def test_history_cannot_be_deleted(staff):
    deployment = served(VersionFactory())

    assert (
        staff.post(f"{LIST}{deployment.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert Deployment.objects.filter(pk=deployment.pk).exists()


@pytest.mark.parametrize("verb", ["roll-back", "terminate", "issue_key", "check_drift"])
def test_verb_of_what_is_no_deployment_is_404(staff, verb):
    assert staff.get(f"{LIST}nothing/{verb}/").status_code == 404
    assert staff.post(f"{LIST}nothing/{verb}/", {"reason": "x"}).status_code == 404


def test_versions_to_choose_from_say_what_decides(staff, person):
    waiting = VersionFactory(model="direction", version="1")
    ready = VersionFactory(model="direction", version="2", passed=True, approved=True)
    other = VersionFactory(model="volume", version="1")

    page = staff.get(f"{LIST}add/").content.decode()
    of_model = staff.get(f"{LIST}add/?model_version={ready.pk}").content.decode()

    assert "direction 1 · experimental · not approved" in page
    assert f"direction 2 · experimental · approved by {ready.approved_by}" in page
    assert str(other.pk) in page
    assert str(waiting.pk) in of_model
    assert str(other.pk) not in of_model


def test_list_to_choose_from_is_not_endless(staff, monkeypatch):
    monkeypatch.setattr(forms, "MOST_OFFERED", 2)
    oldest, *newest = [VersionFactory(model="direction") for _ in range(3)]

    page = staff.get(f"{LIST}add/").content.decode()
    chosen = staff.get(f"{LIST}add/?model_version={oldest.pk}").content.decode()

    assert str(oldest.pk) not in page
    assert "The newest 2; the page of a model has its older versions." in page
    assert all(str(one.pk) in page for one in newest)
    assert f'value="{oldest.pk}" selected' in chosen


def test_one_request_is_not_requests(staff):
    deployment = DeploymentFactory(active=True)
    count(deployment, timezone.now(), request_count=1)

    assert "1 request in the last hour" in staff.get(LIST).content.decode()
