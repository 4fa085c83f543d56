"""The staff's pages of drift: rules, checks with their pictures, hooks, deliveries."""

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.drift import check_requests
from deployments.models import AlertDelivery, AlertHook, DriftCheck, DriftRule
from deployments.states import DeliveryState
from lifecycle.models import DriftEvent
from mlops.core.models import AuditEntry
from tests.deployments.factories import VersionFactory, served
from tests.deployments.test_drift import CRISIS, csv, last_hour, sent, table

pytestmark = pytest.mark.django_db
ADMIN = "/admin/deployments"
RULE = {"watches_requests": "on", "every_s": 600, "window_s": 7200}


@pytest.fixture
def staff(person, client):
    user = person("admin")
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


@pytest.fixture
def deployment(make_dataset):
    version = VersionFactory()
    data = make_dataset("returns", csv(table(1, 0.0))).current_version
    version.run.read_dataset(data)
    made = served(version)
    sent(made, table(7, CRISIS))
    return made


@pytest.fixture
def delivery():
    event = DriftEvent.note(
        VersionFactory(), by=None, severity="high", metric_name="m", metric_value=1.0
    )
    hook = AlertHook.objects.create(name="chat", url="https://93.184.216.34/")
    AlertDelivery.objects.queue(hook, [event], timezone.now())
    return AlertDelivery.objects.get()


def test_a_button_checks_now_and_leads_to_the_pictures(staff, deployment):
    url = f"{ADMIN}/deployment/{deployment.pk}/check_drift/"

    form = staff.get(url).content.decode()
    page = staff.post(url, {"window_s": 3600})

    assert "86400" in form
    check = DriftCheck.objects.get()
    assert page["Location"] == f"{ADMIN}/driftcheck/{check.pk}/change/"
    shown = staff.get(page["Location"]).content.decode()
    assert "distributions" in shown
    assert "returns v1" in shown
    for event in check.events.all():
        assert reverse("admin:lifecycle_driftevent_change", args=[event.pk]) in shown


def test_the_button_says_why_nothing_can_be_compared(staff):
    deployment = served(VersionFactory())
    url = f"{ADMIN}/deployment/{deployment.pk}/check_drift/"

    page = staff.post(url, {"window_s": 3600}).content.decode()

    assert "names no dataset of the catalogue" in page


def test_every_check_has_a_page(staff, deployment):
    check_requests(deployment, last_hour())
    check = DriftCheck.objects.get()

    assert staff.get(f"{ADMIN}/driftcheck/").status_code == 200
    assert staff.get(f"{ADMIN}/driftcheck/{check.pk}/change/").status_code == 200


def test_a_rule_is_changed_and_bad_thresholds_are_refused(staff):
    url = f"{ADMIN}/driftrule/staging/change/"

    bad = staff.post(url, {**RULE, "thresholds": '{"psi": [2, 1]}'})
    good = staff.post(url, {**RULE, "thresholds": '{"psi": [1, 2]}'})

    assert "psi needs two numbers" in bad.content.decode()
    assert good.status_code == 302
    rule = DriftRule.objects.get(pk="staging")
    assert (rule.every_s, rule.watches_datasets) == (600, False)
    assert rule.bounds.psi.drift == 2.0
    assert AuditEntry.objects.filter(action="change_rule").exists()


def test_a_hook_is_made_with_a_secret_that_follows_from_its_id(staff, person):
    made = staff.post(
        f"{ADMIN}/alerthook/add/",
        {
            "name": "chat",
            "url": "https://93.184.216.34/hook",
            "least_severity": "high",
            "is_enabled": "on",
        },
    )

    assert made.status_code == 302
    hook = AlertHook.objects.get()
    assert hook.created_by == person("admin")
    page = staff.get(f"{ADMIN}/alerthook/{hook.pk}/change/").content.decode()
    assert hook.secret in page
    assert AuditEntry.objects.filter(object_type="deployments.alerthook").exists()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://169.254.169.254/", "x"])
def test_a_hook_to_a_private_place_is_refused_in_the_form(staff, url):
    form = {"name": "chat", "url": url, "least_severity": "high"}

    page = staff.post(f"{ADMIN}/alerthook/add/", form)

    assert page.status_code == 200
    assert not AlertHook.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "data scientist", "deployer", "approver"])
def test_nobody_but_an_admin_sees_or_makes_hooks(client, person, delivery, role):
    user = person(role)
    user.is_staff = True
    user.save()
    client.force_login(user)

    assert client.get(f"{ADMIN}/alerthook/").status_code == 403
    assert client.get(f"{ADMIN}/alerthook/add/").status_code == 403


def test_a_delivery_is_sent_again_from_the_list(staff, delivery):
    AlertDelivery.objects.update(state=DeliveryState.GIVEN_UP, attempts=6)

    staff.post(
        f"{ADMIN}/alertdelivery/",
        {"action": "send_again", "_selected_action": [delivery.pk]},
    )

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 0)
