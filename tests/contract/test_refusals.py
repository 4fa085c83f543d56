"""Who may not do something learns what would be needed, and nothing is written."""

import pytest

from deployments.models import Deployment, DeploymentEvent
from mlops.core.models import AuditEntry
from tests.deployments.factories import DeploymentFactory, VersionFactory

pytestmark = pytest.mark.django_db

LIFECYCLE = "/api/v1/ml/lifecycle"


def left():
    return AuditEntry.objects.count(), DeploymentEvent.objects.count()


@pytest.mark.parametrize(
    ("role", "verb", "permission"),
    [
        ("data scientist", "rollback", "deployments.roll_back_deployment"),
        ("approver", "rollback", "deployments.roll_back_deployment"),
        *[
            ("data scientist", verb, "deployments.deploy_to_production")
            for verb in ("promote", "pause", "resume", "abort", "terminate")
        ],
        ("viewer", "promote", "deployments.change_deployment"),
    ],
)
def test_refusal_names_permission_and_role(api, role, verb, permission):
    deployment = DeploymentFactory(active=True, slot__environment="production")
    before = left()

    answer = api(role).post(f"{LIFECYCLE}/deployments/{deployment.pk}/{verb}")

    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert permission in answer.json()["detail"]
    assert "deployer, admin" in answer.json()["detail"]
    assert left() == before


@pytest.mark.parametrize("role", ["data scientist", "approver", "viewer"])
def test_refusal_of_a_deploy_to_production_names_permission_and_role(api, role):
    version = VersionFactory()
    before = left()

    answer = api(role).post(
        f"{LIFECYCLE}/deployments",
        {"model_id": str(version.pk), "environment": "production"},
    )

    assert answer.status_code == 403
    assert "permission deployments." in answer.json()["detail"]
    assert "deployer" in answer.json()["detail"]
    assert left() == before
    assert not Deployment.objects.exists()


def test_refusal_of_a_stage_names_permission_and_role(api):
    version = VersionFactory()

    answer = api("deployer").patch(
        f"{LIFECYCLE}/models/{version.model.name}/{version.version}",
        {"stage": "production"},
    )

    assert answer.status_code == 403
    assert "approver" in answer.json()["detail"]
