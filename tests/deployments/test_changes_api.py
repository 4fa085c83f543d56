"""What clients do with deployments: back, on, to an end."""

import uuid

import pytest
from django.utils import timezone

from deployments.models import Deployment
from deployments.states import Status
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    served,
    walked,
)

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"


def body(version, **more):
    return {"model_id": str(version.pk), "environment": "development", **more}


def next_version(deployment):
    """Return a deployment of another version that took the slot over."""
    return served(VersionFactory(model=deployment.slot.model))


def test_a_rollback_answers_the_new_deployment(api):
    second = next_version(first := served(VersionFactory()))

    answer = api("deployer").post(f"{HOME}/{second.pk}/rollback", {"reason": "bad"})

    assert answer.status_code == 201
    new = answer.json()
    assert answer["Location"] == f"{HOME}/{new['id']}"
    assert (new["rollback_from"], new["status"]) == (str(second.pk), "pending")
    assert new["reason"] == "bad"
    assert api().get(f"{HOME}/{second.pk}").json()["status"] == "active"
    restored = walked(Deployment.objects.get(pk=new["id"]))
    assert restored.restores == first
    undone = api().get(f"{HOME}/{second.pk}").json()
    assert (undone["status"], undone["superseded_by"]) == ("rollback", new["id"])


def test_a_rollback_without_a_body_works_and_one_without_a_past_does_not(api):
    first = served(VersionFactory())

    nothing = api("deployer").post(f"{HOME}/{first.pk}/rollback")
    second = next_version(first)
    something = api("deployer").post(f"{HOME}/{second.pk}/rollback")

    assert (nothing.status_code, nothing.json()["code"]) == (
        409,
        "nothing_to_roll_back_to",
    )
    assert something.status_code == 201
    assert api("viewer").post(f"{HOME}/{second.pk}/rollback").status_code == 403


def test_a_rollback_to_a_named_target(api):
    version = VersionFactory()
    first, _second, third = served(version), served(version), served(version)

    unknown = api("deployer").post(
        f"{HOME}/{third.pk}/rollback", {"target_deployment_id": str(uuid.uuid4())}
    )
    named = api("deployer").post(
        f"{HOME}/{third.pk}/rollback", {"target_deployment_id": str(first.pk)}
    )

    assert unknown.status_code == 404
    assert named.status_code == 201
    assert Deployment.objects.get(pk=named.json()["id"]).restores == first


def label(deployment):
    return f"{deployment.slot.model.name}:{deployment.model_version.version}"


def test_a_rollback_to_a_named_version_stays_in_its_environment(api):
    version = VersionFactory()
    first = served(version, "staging")
    third = served(VersionFactory(model=version.model), "staging")
    served(version)
    Deployment.request(version, "staging", by=None).fail("no")
    stranger = served(VersionFactory(), "staging")

    answers = [
        api("deployer").post(
            f"{HOME}/{third.pk}/rollback", {"target_deployment_id": named}
        )
        for named in (label(stranger), str(stranger.pk), label(first))
    ]

    assert [answer.status_code for answer in answers] == [404, 409, 201]
    assert Deployment.objects.get(pk=answers[2].json()["id"]).restores == first


@pytest.mark.parametrize("url", ["", "/status"])
@pytest.mark.parametrize(
    ("at", "asked", "status"),
    [
        ("pending", "failed", 200),
        ("deploying", "failed", 200),
        ("active", "terminated", 200),
        ("pending", "active", 409),
        ("deploying", "active", 409),
        ("active", "failed", 409),
        ("failed", "active", 409),
        ("terminated", "active", 409),
        ("pending", "rollback", 409),
        ("failed", "failed", 409),
        ("active", "active", 409),
        ("pending", "happy", 422),
    ],
)
def test_a_client_asks_for_statuses_but_never_claims_active(
    api, url, at, asked, status
):
    deployment = DeploymentFactory(status=at)

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}{url}", {"status": asked})

    assert answer.status_code == status
    deployment.refresh_from_db()
    # What has traffic keeps its status until it has none, with the wish beside it.
    is_wish = status == 200 and at != "pending"
    assert deployment.ends_as == (asked if is_wish else "")
    assert deployment.status == (asked if status == 200 and not is_wish else at)
    if status == 409:
        assert answer.json()["code"] == "illegal_transition"


def test_the_refusal_names_what_could_be_asked(api):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").patch(
        f"{HOME}/{deployment.pk}/status", {"status": "pending"}
    )

    assert "terminated, rollback" in answer.json()["detail"]


def test_status_rollback_does_what_the_rollback_does(api):
    second = next_version(served(VersionFactory()))

    answer = api("deployer").patch(f"{HOME}/{second.pk}/status", {"status": "rollback"})

    assert answer.status_code == 200
    assert Deployment.objects.get(status=Status.PENDING).rollback_from == second


@pytest.mark.parametrize(
    "claim",
    [
        {"health_status": "healthy"},
        {"metrics": {"request_count": 9, "error_count": 0}},
        {"error_message": "none"},
    ],
)
def test_what_the_server_measures_cannot_be_claimed(api, claim):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}", claim)

    assert (answer.status_code, answer.json()["code"]) == (409, "server_owned")


def test_a_patch_with_nothing_to_do_changes_nothing(api):
    deployment = DeploymentFactory(active=True)
    body = {"status": None, "health_status": None, "metrics": None, "endpoint": "x"}

    answer = api("deployer").patch(f"{HOME}/{deployment.pk}", body)

    assert answer.status_code == 200
    assert answer.json()["endpoint"] == deployment.endpoint


@pytest.mark.parametrize("verb", ["promote", "pause", "resume", "abort"])
def test_steering_without_a_rollout_is_a_conflict(api, verb):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").post(f"{HOME}/{deployment.pk}/{verb}")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_rolling_out")


def test_a_canary_is_steered(api):
    version = VersionFactory()
    served(version)
    strategy = {"type": "canary", "steps": [5, 50], "seconds_per_step": 30}
    made = api("deployer").post(HOME, body(version, strategy=strategy)).json()
    canary = walked(Deployment.objects.get(pk=made["id"]), Status.DEPLOYING)
    canary.rollout.begin()

    paused = api("deployer").post(f"{HOME}/{made['id']}/pause").json()
    aborted = api("deployer").post(f"{HOME}/{made['id']}/abort", {"reason": "slow"})

    assert (paused["strategy"], paused["is_paused"]) == (strategy, True)
    assert paused["traffic_percent"] == 5
    canary.refresh_from_db()
    assert (aborted.status_code, canary.ends_as) == (200, "failed")
    canary.end_as_requested()
    assert canary.error_message == "the rollout was aborted: slow"


@pytest.mark.parametrize("verb", ["pause", "resume", "promote"])
def test_the_reason_of_steering_is_kept(api, verb):
    canary = DeploymentFactory(
        status="deploying",
        strategy={"type": "canary", "steps": [10], "seconds_per_step": 60},
        rollout_at=timezone.now(),
    )

    answer = api("deployer").post(f"{HOME}/{canary.pk}/{verb}", {"reason": "p95 rose"})

    events = api().get(f"{HOME}/{canary.pk}/events").json()
    assert (answer.status_code, events[-1]["actor"]) == (200, "deployer")
    assert events[-1]["message"].endswith(": p95 rose")


def test_an_active_one_is_terminated_when_it_has_no_traffic(api):
    deployment = DeploymentFactory(active=True)

    answer = api("deployer").post(f"{HOME}/{deployment.pk}/terminate")

    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    deployment.refresh_from_db()
    assert deployment.ends_as == "terminated"
    deployment.end_as_requested()
    again = api("deployer").post(f"{HOME}/{deployment.pk}/terminate")
    assert (again.status_code, again.json()["code"]) == (409, "not_active")
