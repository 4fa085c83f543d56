"""Things of lifecycle, named only by what matters to a test."""

import factory
from factory.django import DjangoModelFactory

from lifecycle import artifacts
from lifecycle.models import (
    Check,
    Experiment,
    ModelVersion,
    RegisteredModel,
    Run,
)
from lifecycle.states import ChecklistStatus, ModelStage
from lifecycle.times import now_ms
from mlops.core.models import User


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"person-{n}")


class ExperimentFactory(DjangoModelFactory):
    class Meta:
        model = Experiment

    name = factory.Sequence(lambda n: f"experiment-{n}")
    owner = factory.SubFactory(UserFactory)
    created_by = factory.SelfAttribute("owner")


class RunFactory(DjangoModelFactory):
    class Meta:
        model = Run

    experiment = factory.SubFactory(ExperimentFactory)
    uid = factory.Sequence(lambda n: f"run-{n:08}")
    created_by = factory.SubFactory(UserFactory)
    started_ms = factory.LazyFunction(now_ms)


class RegisteredModelFactory(DjangoModelFactory):
    class Meta:
        model = RegisteredModel

    name = factory.Sequence(lambda n: f"model-{n}")


class VersionFactory(factory.Factory):
    """Registers through the verb; `stage`, `passed` and `approved` put it there."""

    class Meta:
        model = ModelVersion

    model = factory.Sequence(lambda n: f"model-{n}")
    by = factory.SubFactory(UserFactory)
    run = factory.SubFactory(RunFactory)
    passed = False
    approved = False

    @classmethod
    def _create(cls, model_class, *args, **given):
        model, by = given.pop("model"), given.pop("by")
        approved, passed = given.pop("approved"), given.pop("passed")
        stage = given.pop("stage", ModelStage.EXPERIMENTAL)
        status = ChecklistStatus.PASSED if passed else ChecklistStatus.PENDING
        given.setdefault("checklist", [Check("bias reviewed", status)])
        version = ModelVersion.register(model, by=by, **given)
        if approved:
            version.approve(by=UserFactory())
        if stage != ModelStage.EXPERIMENTAL:
            ModelVersion.objects.filter(pk=version.pk).update(stage=stage)
            version.refresh_from_db()
        return version


def stored(home, path="model.onnx", content=b"weights"):
    """Return an artifact of the home with this content, stored for real."""
    return artifacts.save(home, path, [content], by=None)
