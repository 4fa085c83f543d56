"""Makes what the tests of deployments need, through the models' own verbs."""

import hashlib
from datetime import UTC

import factory
from django.utils import timezone

from deployments.models import Deployment, Slot, TrafficWindow
from deployments.states import Status
from tests.lifecycle import factories
from tests.lifecycle.factories import RegisteredModelFactory


class VersionFactory(factories.VersionFactory):
    """A version that nobody in particular made, and that can be served."""

    model = factory.SubFactory(RegisteredModelFactory)
    by = None
    content = b"not really a model"
    version = factory.Sequence(lambda n: f"v{n}")
    checklist = ()


class SlotFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Slot
        django_get_or_create = ("model", "environment")

    model = factory.SubFactory(RegisteredModelFactory)
    environment = "development"


class DeploymentFactory(factory.django.DjangoModelFactory):
    """A row in any status, without the history that would have led there."""

    class Meta:
        model = Deployment

    class Params:
        active = factory.Trait(
            status=Status.ACTIVE,
            deployed_at=factory.LazyFunction(timezone.now),
            traffic_percent=100,
        )

    model_version = factory.SubFactory(VersionFactory)
    slot = factory.SubFactory(
        SlotFactory, model=factory.SelfAttribute("..model_version.model")
    )
    artifact = factory.SelfAttribute("model_version.artifact")
    artifact_sha256 = factory.LazyAttribute(
        lambda one: one.artifact.sha256 if one.artifact else ""
    )

    @factory.lazy_attribute
    def revision(self):
        return self.slot.take_revision()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def served(version, environment="development", by=None):
    """Deploy a version and walk it to active, as the reconciler would."""
    deployment = Deployment.request(version, environment, by=by)
    return walked(deployment)


def walked(deployment, to=Status.ACTIVE):
    steps = [
        (Status.VALIDATING, deployment.begin_validating),
        (Status.DEPLOYING, deployment.begin_deploying),
        (Status.ACTIVE, deployment.activate),
    ]
    for status, step in steps:
        step()
        if status == to:
            break
    return deployment


def count(deployment, at, gateway="g", **counts):
    """Count a minute of a gateway, as the reconciler does from its file."""
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    TrafficWindow.objects.set_minutes(
        [
            TrafficWindow(
                deployment=deployment, starts_at=minute, gateway=gateway, **counts
            )
        ]
    )
