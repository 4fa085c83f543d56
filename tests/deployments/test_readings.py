"""A deployment keeps the rules by which its file was read when it was validated."""

import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler.spec import spec_of
from deployments.serving import readings
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    served,
)
from tests.lifecycle.factories import RegisteredModelFactory

pytestmark = pytest.mark.django_db


def test_a_new_deployment_is_read_by_the_newest_rules():
    assert served(VersionFactory()).reading == readings.NEWEST


def test_what_served_before_an_upgrade_is_still_read_as_then():
    deployment = DeploymentFactory(active=True, reading=readings.FIRST)

    spec = spec_of(deployment, EnvironmentRule.of("development"))

    assert spec.reading == readings.FIRST


def test_a_rollback_returns_to_the_rules_of_what_served():
    model = RegisteredModelFactory()
    first = served(VersionFactory(model=model))
    Deployment.objects.filter(pk=first.pk).update(reading=0)
    second = served(VersionFactory(model=model))

    restored = second.roll_back()

    assert restored.reading == 0
