"""Things of lifecycle, named only by what matters to a test."""

import factory
from factory.django import DjangoModelFactory

from lifecycle import artifacts
from lifecycle.models import (
    Experiment,
    ModelVersion,
    NewCheck,
    RegisteredModel,
    Run,
)
from lifecycle.states import ChecklistStatus, ModelStage
from lifecycle.times import now_ms
from tests.core.factories import UserFactory


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
    """Registers through the verb; `stage`, `passed` and `approved` put it there.

    With `content` its run keeps one stored file, `model.onnx`, which is what it serves.
    """

    class Meta:
        model = ModelVersion

    model = factory.Sequence(lambda n: f"model-{n}")
    by = factory.SubFactory(UserFactory)
    run = factory.SubFactory(RunFactory)
    content = None
    passed = False
    approved = False

    @classmethod
    def _create(cls, model_class, *args, **given):
        model, by, content = (given.pop(name) for name in ("model", "by", "content"))
        approved, passed = given.pop("approved"), given.pop("passed")
        stage = given.pop("stage", ModelStage.EXPERIMENTAL)
        status = ChecklistStatus.PASSED if passed else ChecklistStatus.PENDING
        given.setdefault("checklist", [NewCheck("bias reviewed", status)])
        if content is not None:
            stored(given["run"], content=content)
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
