"""Makes what the tests of deployments need, through the models' own verbs."""

import hashlib
import itertools
import uuid
from datetime import UTC

import factory
from django.utils import timezone

from deployments.models import Deployment, Slot, TrafficWindow
from deployments.states import Status
from lifecycle import artifacts
from lifecycle.models import Experiment, ModelVersion, RegisteredModel, Run

_numbers = itertools.count(1)


class ExperimentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Experiment

    name = factory.Sequence(lambda n: f"experiment-{n}")


class RunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Run

    uid = factory.LazyFunction(lambda: uuid.uuid4().hex)
    experiment = factory.SubFactory(ExperimentFactory)
    started_ms = 1_700_000_000_000


class RegisteredModelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RegisteredModel

    name = factory.Sequence(lambda n: f"model-{n}")


class VersionFactory(factory.django.DjangoModelFactory):
    """A version whose run keeps one stored file, `model.onnx`."""

    class Meta:
        model = ModelVersion

    class Params:
        content = b"not really a model"
        has_file = True

    model = factory.SubFactory(RegisteredModelFactory)
    number = factory.Sequence(lambda n: n + 1)
    version = factory.LazyAttribute(lambda version: str(version.number))
    run = factory.SubFactory(RunFactory)

    @factory.lazy_attribute
    def artifact(self):
        if not self.has_file:
            return None
        return artifacts.save(self.run, "model.onnx", [self.content], by=None)


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
