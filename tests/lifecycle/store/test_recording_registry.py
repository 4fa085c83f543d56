"""The entry point *record* for the registry: versions, stages and aliases."""

from datetime import UTC, datetime

import pytest

from lifecycle.models import LoggedModel, ModelVersion, RegisteredModel
from lifecycle.registry_history import snapshot
from lifecycle.states import ChecklistStatus, LoggedModelStatus, ModelStage
from lifecycle.store import aliases, logged_models, registered_models, stages
from lifecycle.store import registration as store
from lifecycle.store.aliases import PastAliasChange
from lifecycle.store.checklists import NewCheck
from lifecycle.store.figures import NewFigure
from lifecycle.store.recording import recording
from lifecycle.store.registered_models import PastRegisteredModel
from lifecycle.store.registration import NewVersion, PastVersion
from lifecycle.store.stages import PastStageChange
from mlops.core.models import AuditEntry
from tests.lifecycle.factories import ExperimentFactory, RunFactory

pytestmark = pytest.mark.django_db

MARCH, APRIL, MAY = (datetime(2019, month, 1, tzinfo=UTC) for month in (3, 4, 5))


def tell(told, by=None):
    """Tell of a model whose third version went into production in April."""
    past = PastRegisteredModel(name="fraud", created_at=MARCH, tags={"team": "a"})
    model = registered_models.record(told, past)
    new = NewVersion(
        artifact=None,
        label="2.1",
        figures=[NewFigure("auc", 0.9)],
        checklist=[NewCheck("bias", ChecklistStatus.PASSED)],
        tags={"a": "b"},
    )
    stood = PastVersion(
        number=3,
        created_at=MARCH,
        updated_at=MAY,
        created_by=by,
        stage=ModelStage.PRODUCTION,
        approved_by=by,
        approved_at=APRIL,
        approval_notes="by mail",
    )
    made = store.record(told, model, new, stood)
    moved = PastStageChange(
        ModelStage.EXPERIMENTAL, ModelStage.PRODUCTION, APRIL, by, "ok"
    )
    stages.record(told, made.id, moved)
    aliases.record(told, model, "champion", made.id.hex)
    aliases.record_change(told, model, PastAliasChange("champion", None, 3, MAY, by))
    return model


def test_a_version_keeps_number_label_stage_approval_and_times(person):
    somebody = person("approver")

    with recording("a registry", by=None) as told:
        tell(told, by=somebody.pk)

    version = ModelVersion.objects.get()
    assert (str(version), version.number) == ("fraud 2.1", 3)
    assert (version.created_at, version.updated_at) == (MARCH, MAY)
    assert (version.stage, version.approved_at) == (ModelStage.PRODUCTION, APRIL)
    assert version.approved_by == version.created_by == somebody
    assert version.approval_notes == "by mail"
    assert [figure.value for figure in version.metrics.all()] == [0.9]
    assert version.checklist.get().name == "bias"
    assert (version.tags.get().value, version.model.tags.get().value) == ("b", "a")


def test_what_was_told_stood_where_it_stood():
    with recording("a registry", by=None) as told:
        tell(told)

    model = RegisteredModel.objects.get()
    past = snapshot(model, datetime(2019, 4, 15, tzinfo=UTC))
    now = snapshot(model, datetime(2019, 6, 1, tzinfo=UTC))
    assert [(one.to, one.since) for one in past.stages] == [("production", APRIL)]
    assert past.aliases == []
    assert [(one.to, one.number) for one in now.aliases] == [("champion", 3)]


def test_one_entry_says_how_much_came():
    with recording("a registry", by=None) as told:
        tell(told)

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_name) == ("record", "a registry")
    assert entry.changes == {
        "alias changes": 1,
        "aliases": 1,
        "registered models": 1,
        "stage changes": 1,
        "versions": 1,
    }


def test_the_next_version_is_numbered_after_what_was_told():
    with recording("a registry", by=None) as told:
        tell(told)

    assert ModelVersion.register("fraud", by=None).number == 4


@pytest.mark.parametrize(("number", "label"), [(3, None), (3, "other"), (7, "2.1")])
def test_what_is_there_already_is_left_as_it_is(number, label):
    with recording("a registry", by=None) as told:
        model = tell(told)
        new = NewVersion(artifact=None, label=label)

        again = store.record(
            told, model, new, PastVersion(number=number, created_at=MAY)
        )
        same = registered_models.record(
            told, PastRegisteredModel(name="fraud", created_at=MAY)
        )

    assert again is same is None
    assert ModelVersion.objects.get().created_at == MARCH
    assert AuditEntry.objects.get().changes["versions"] == 1


def test_a_logged_model_keeps_its_id_state_and_times():
    run = RunFactory()
    model = logged_models.PastLoggedModel(
        pk="m-" + "1" * 32,
        experiment=ExperimentFactory().pk,
        name="tree",
        created_ms=5,
        updated_ms=9,
        deleted_ms=9,
        run=run.pk,
        status=LoggedModelStatus.FAILED,
        params={"depth": "3"},
        tags={"team": "a"},
    )

    with recording("a registry", by=None) as told:
        made = [logged_models.record(told, model) for _ in range(2)]

    kept = LoggedModel.objects.get()
    assert made == [True, False]
    assert (kept.created_ms, kept.updated_ms, kept.deleted_ms) == (5, 9, 9)
    assert (kept.status, kept.source_run) == (LoggedModelStatus.FAILED, run)
    assert (kept.params.get().value, kept.tags.get().value) == ("3", "a")
    assert AuditEntry.objects.get().changes == {"logged models": 1}
