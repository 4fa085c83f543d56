"""A deployment's page of work: what it shows, to whom, and what it lets them do."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment, DeploymentKey, Lease
from deployments.models.watch import RECONCILER
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
    served,
    walked,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/deployments/deployment/"
WIDE = {
    "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [],
    "feature_names": ["age", "rooms"],
}
CANARY = {"type": "canary", "steps": [5, 25, 50], "seconds_per_step": 120}


@pytest.fixture
def desk(client, person):
    """Return a function that signs in somebody of staff with a role."""

    def enter(role="deployer"):
        user = person(role)
        type(user).objects.filter(pk=user.pk).update(is_staff=True)
        client.force_login(user)
        return client

    return enter


def page_of(client, deployment):
    answer = client.get(f"{LIST}{deployment.pk}/work/")
    assert answer.status_code == 200
    return answer.content.decode()


def verbs(page):
    return re.findall(r'data-verb="(\w+)"', page)


def rolling(**columns):
    return DeploymentFactory(
        status="deploying",
        strategy=CANARY,
        rollout_at=timezone.now(),
        rollout_step=1,
        **columns,
    )


def test_the_page_says_how_it_is_and_when_that_was_judged(desk):
    Lease.take(RECONCILER, "me")
    judged = timezone.now().replace(microsecond=0)
    deployment = DeploymentFactory(
        active=True, health="healthy", ready_instances=2, instances=2, judged_at=judged
    )
    count(deployment, judged, request_count=4000, error_count=10)

    page = page_of(desk(), deployment)

    assert f"{judged:%Y-%m-%d %H:%M:%S} UTC</time>" in page
    assert "2 of 2 ready" in page
    assert "4,000" in page
    assert "0.25 %" in page
    assert f"revision {deployment.revision}" in page


def test_unwatched_it_is_not_called_healthy(desk):
    deployment = DeploymentFactory(active=True, health="healthy")

    page = page_of(desk(), deployment)

    assert "No reconciler has looked yet" in page
    assert 'badge good">healthy' not in page


def test_a_canary_shows_how_far_it_has_come(desk):
    canary = rolling(traffic_percent=25)

    page = page_of(desk(), canary)

    steps = re.findall(r'<li class="(\w+)"[^>]*>(\d+) %', page)
    assert steps == [("past", "5"), ("present", "25"), ("next", "50"), ("next", "100")]
    due = canary.rollout_at + timedelta(seconds=120)
    assert f"{due:%Y-%m-%d %H:%M:%S} UTC" in page


def test_a_paused_canary_has_no_next_step(desk):
    canary = rolling(is_paused=True)

    page = page_of(desk(), canary)

    due = canary.rollout_at + timedelta(seconds=120)
    assert f"{due:%Y-%m-%d %H:%M:%S} UTC" not in page
    assert verbs(page) == ["promote", "resume", "abort"]


def test_only_what_fits_and_what_one_may_is_offered(desk):
    version = VersionFactory()
    active, canary = served(version), rolling()
    pending = Deployment.request(version, "staging", by=None)

    assert verbs(page_of(desk(), active)) == ["roll_back", "terminate"]
    assert verbs(page_of(desk(), canary)) == ["promote", "pause", "abort"]
    assert verbs(page_of(desk(), pending)) == ["cancel"]
    assert verbs(page_of(desk("data scientist"), active)) == ["terminate"]
    assert verbs(page_of(desk("viewer"), active)) == []


def test_who_may_not_deploy_to_production_does_not_end_it(desk, person):
    version = VersionFactory(by=person("data scientist"))
    version.approve(by=person("approver"))
    deployment = served(version, "production")

    assert verbs(page_of(desk("data scientist"), deployment)) == []


def test_the_tester_begins_with_what_the_signature_takes(desk):
    deployment = DeploymentFactory(active=True, signature=WIDE)

    page = page_of(desk(), deployment)

    assert "&quot;age&quot;: 0.0" in page
    assert "counted as traffic" in page
    assert f"curl {deployment.endpoint}" in page
    assert "urllib.request" in page


def test_the_python_to_copy_runs(desk, monkeypatch):
    deployment = DeploymentFactory(active=True, signature=WIDE)
    answer = desk().get(f"{LIST}{deployment.pk}/work/")

    code = answer.context["example"]["python"]

    compile(code, "copied", "exec")
    assert repr(deployment.endpoint) in code


def test_who_may_make_no_keys_is_told_instead_of_asked(desk):
    deployment = DeploymentFactory(active=True, signature=WIDE)

    page = page_of(desk("viewer"), deployment)

    assert 'id="try"' not in page
    assert "needs a key" in page


def test_what_gets_no_requests_is_not_tried(desk):
    assert 'id="try"' not in page_of(desk(), DeploymentFactory(status="failed"))


def test_keys_of_the_endpoint_stand_beside_and_trials_do_not(desk):
    deployment = DeploymentFactory(active=True)
    key, plain = DeploymentKey.issue(deployment.slot, "shop", by=None)
    trial, _ = DeploymentKey.issue_trial(deployment, by=None)

    page = page_of(desk(), deployment)

    assert key.prefix in page
    assert plain not in page
    assert trial.prefix not in page


def test_the_page_may_call_the_gateway_and_nothing_else(desk, settings):
    settings.SERVING_URL = "https://models.example.org/base"
    deployment = DeploymentFactory(active=True)

    answer = desk().get(f"{LIST}{deployment.pk}/work/")

    policy = answer["Content-Security-Policy"]
    assert "connect-src 'self' https://models.example.org;" in policy
    assert "script-src 'self';" in policy


def test_events_of_the_whole_slot_are_there_to_explain_a_change(desk):
    first = served(VersionFactory())
    second = walked(
        Deployment.request(
            VersionFactory(model=first.slot.model), "development", by=None
        )
    )

    answer = desk().get(f"{LIST}{second.pk}/work/")

    events = answer.context["data"]["events"]
    assert {one["revision"] for one in events} == {1, 2}
    assert events == sorted(events, key=lambda one: -one["at"])
    found = re.search(
        r'id="deployment" type="application/json">(.*?)</script>',
        answer.content.decode(),
    )
    assert json.loads(found[1])["id"] == str(second.pk)


def test_a_page_costs_a_few_queries_however_much_happened(
    desk, django_assert_max_num_queries
):
    first = served(VersionFactory())
    for _ in range(3):
        DeploymentKey.issue(first.slot, "shop", by=None)
    for _ in range(5):
        first.notice(f"note {_}")
    client = desk()

    with django_assert_max_num_queries(20):
        page_of(client, first)


def test_lists_and_links_lead_to_the_page_of_work(desk):
    deployment = served(VersionFactory())

    assert f"{LIST}{deployment.pk}/work/" in desk().get(LIST).content.decode()


def test_tester_says_what_one_has_to_fill_in(desk):
    pixels = {"name": "pixels", "datatype": "FP32", "shape": [-1, 3, 224, 224]}
    large = {"inputs": [pixels], "outputs": [], "feature_names": []}
    deployment = DeploymentFactory(active=True, signature=large)

    page = page_of(desk(), deployment)

    assert "pixels takes 150,528 values" in page
