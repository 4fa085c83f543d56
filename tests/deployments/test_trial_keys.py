"""Keys that a page asks one deployment with, for ten minutes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.errors import NotActive
from deployments.models import DeploymentKey, Lease
from deployments.reconciler.pruning import store_usage
from mlops.core.models import AuditEntry
from tests.deployments.factories import DeploymentFactory

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"


def url(deployment):
    return f"{HOME}/{deployment.pk}/keys"


def test_a_trial_key_is_of_one_deployment_and_ends_in_ten_minutes(api, settings):
    deployment = DeploymentFactory(active=True)
    began = timezone.now()

    answer = api("deployer").post(f"{url(deployment)}/trial")

    made, key = answer.json(), DeploymentKey.objects.get()
    assert answer.status_code == 201
    assert made["deployment_id"] == str(deployment.pk)
    assert made["endpoint"] == f"{settings.SERVING_URL}/serving/_d/{deployment.pk}"
    assert made["key"].startswith(made["prefix"])
    lasts = key.expires_at - began
    assert timedelta(minutes=9) < lasts < timedelta(minutes=11)


def test_the_text_of_a_trial_key_is_kept_nowhere_and_its_maker_is(api):
    deployment = DeploymentFactory(active=True)

    plain = api("deployer").post(f"{url(deployment)}/trial").json()["key"]

    columns = DeploymentKey.objects.values().get()
    entry = AuditEntry.objects.get(action="issue_key")
    assert not [value for value in columns.values() if plain in str(value)]
    assert plain not in str(entry.changes)
    assert entry.actor.username == "deployer"
    assert entry.changes["deployment"] == str(deployment.pk)


def test_a_key_of_the_endpoint_names_no_deployment(api):
    deployment = DeploymentFactory(active=True)
    api("deployer").post(url(deployment), {"name": "shop"})

    (shown,) = api("viewer").get(url(deployment)).json()

    assert (shown["deployment_id"], shown["endpoint"]) == (None, deployment.endpoint)


def test_what_gets_no_requests_has_no_trial(api):
    waiting = DeploymentFactory()

    answer = api("deployer").post(f"{url(waiting)}/trial")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_active")
    with pytest.raises(NotActive):
        DeploymentKey.issue_trial(waiting, by=None)
    assert not DeploymentKey.objects.exists()


def test_a_canary_has_a_trial_of_its_own(api):
    canary = DeploymentFactory(
        status="deploying",
        strategy={"type": "canary", "steps": [1], "seconds_per_step": 60},
        rollout_at=timezone.now(),
    )

    assert api("deployer").post(f"{url(canary)}/trial").status_code == 201


@pytest.mark.parametrize("role", ["viewer", "data scientist", "approver"])
def test_who_may_make_no_keys_has_no_trial(api, role):
    deployment = DeploymentFactory(active=True)

    assert api(role).post(f"{url(deployment)}/trial").status_code == 403


def test_trials_that_are_over_are_forgotten_and_other_keys_are_kept():
    deployment = DeploymentFactory(active=True)
    over, _ = DeploymentKey.issue_trial(deployment, by=None)
    live, _ = DeploymentKey.issue_trial(deployment, by=None)
    kept, _ = DeploymentKey.issue(deployment.slot, "shop", by=None)
    past = timezone.now() - timedelta(seconds=1)
    DeploymentKey.objects.filter(pk__in=[over.pk, kept.pk]).update(expires_at=past)

    store_usage(Lease.take("reconciler", "me"))

    assert set(DeploymentKey.objects.all()) == {live, kept}
    assert AuditEntry.objects.filter(action="issue_key").count() == 3
