import pytest

from lifecycle.errors import (
    AlreadyApproved,
    ChecklistNotPassed,
    IllegalStageMove,
    OwnApproval,
    StaleVersion,
    VersionNotApproved,
)
from lifecycle.models import (
    ModelVersion,
    NewCheck,
    NewFigure,
    NewPoint,
    RegisteredModel,
    StageChange,
)
from lifecycle.states import STAGE_MOVES, ChecklistStatus, ModelStage
from mlops.core.errors import AlreadyExists, Forbidden, Invalid, NotFound
from mlops.core.models import AuditEntry
from tests.lifecycle.factories import RunFactory, UserFactory, VersionFactory, stored

pytestmark = pytest.mark.django_db

PASSED = [NewCheck("bias reviewed", ChecklistStatus.PASSED)]


def test_versions_of_a_model_are_numbered_and_called_by_their_number():
    versions = [ModelVersion.register("churn", by=None) for _ in range(3)]

    assert [version.number for version in versions] == [1, 2, 3]
    assert [version.version for version in versions] == ["1", "2", "3"]


def test_number_that_is_somebody_elses_label_is_passed_over():
    ModelVersion.register("churn", by=None, version="2")

    second = ModelVersion.register("churn", by=None)

    assert (second.number, second.version) == (3, "3")


def test_label_that_is_taken_is_refused_and_the_number_kept():
    ModelVersion.register("churn", by=None, version="1.0.0")

    with pytest.raises(AlreadyExists):
        ModelVersion.register("churn", by=None, version="1.0.0")

    assert ModelVersion.register("churn", by=None).number == 2


@pytest.mark.parametrize("label", ["compare", "a/b", "a:b", "", "..", "a\u202eb"])
def test_label_that_no_url_can_carry_is_refused(label):
    with pytest.raises(Invalid):
        ModelVersion.register("churn", by=None, version=label)

    assert not RegisteredModel.objects.exists()


def test_version_is_found_by_id_and_by_both_forms_of_its_name():
    version = ModelVersion.register("churn", by=None, version="1.0.0")

    for text in (str(version.pk), "churn:1.0.0", "churn/1.0.0", "churn:1"):
        assert ModelVersion.objects.find(text) == version


@pytest.mark.parametrize(
    "text", ["churn", "churn:9", "other:1", "9" * 40, "", ":", "churn:" + "9" * 30]
)
def test_unknown_version_is_not_found(text):
    ModelVersion.register("churn", by=None)

    with pytest.raises(NotFound):
        ModelVersion.objects.find(text)


def test_figures_default_to_the_newest_of_the_run():
    run = RunFactory()
    run.log(metrics=[NewPoint("f1", 0.7, step=1), NewPoint("f1", 0.8, step=2)])
    run.log(metrics=[NewPoint("loss", float("nan"))])

    version = ModelVersion.register("churn", by=None, run=run)

    assert [(m.name, m.value) for m in version.metrics.all()] == [("f1", 0.8)]


def test_given_figures_stand_for_themselves():
    run = RunFactory()
    run.log(metrics=[NewPoint("f1", 0.7)])

    version = ModelVersion.register(
        "churn", by=None, run=run, metrics=[NewFigure("auc", 0.9, "test")]
    )

    assert [(m.name, m.dataset) for m in version.metrics.all()] == [("auc", "test")]


@pytest.mark.parametrize("before", ModelStage)
@pytest.mark.parametrize("after", ModelStage)
@pytest.mark.parametrize("passed", [False, True])
@pytest.mark.parametrize("approved", [False, True])
def test_stage_moves_only_through_its_gates(before, after, passed, approved):
    version = VersionFactory(passed=passed or approved, approved=approved, stage=before)
    if approved and not passed:
        version.checklist.update(status=ChecklistStatus.FAILED)
    expected = _refusal(before, after, passed=passed, approved=approved)

    if expected is None:
        version.move_to_stage(after, by=None)
    else:
        with pytest.raises(expected):
            version.move_to_stage(after, by=None)

    moved = expected is None and after != before
    assert ModelVersion.objects.get().stage == (after if moved else before)
    assert StageChange.objects.count() == moved


def _refusal(before, after, *, passed, approved):
    if before == after:
        return None
    if (before, after) not in STAGE_MOVES:
        return IllegalStageMove
    if after in {"staging", "production"} and not passed:
        return ChecklistNotPassed
    if after == "production" and not approved:
        return VersionNotApproved
    return None


def test_stage_change_says_who_and_why():
    version, somebody = VersionFactory(passed=True), UserFactory()

    version.move_to_stage(ModelStage.STAGING, by=somebody, reason="looks good")

    change = version.stage_changes.get()
    assert (change.from_stage, change.to_stage) == ("experimental", "staging")
    assert (change.changed_by, change.reason) == (somebody, "looks good")
    assert AuditEntry.objects.get(action="move_to_stage").actor == somebody


def test_leaving_production_keeps_the_reason():
    version = VersionFactory(passed=True, approved=True, stage=ModelStage.PRODUCTION)

    version.move_to_stage(ModelStage.ARCHIVED, by=None, reason="drifted")

    assert version.rollback_notes == "drifted"


def test_version_cannot_be_registered_into_production():
    with pytest.raises(VersionNotApproved):
        ModelVersion.register("churn", by=None, stage=ModelStage.PRODUCTION)

    assert not RegisteredModel.objects.exists()


def test_author_cannot_approve():
    version = VersionFactory(passed=True)

    with pytest.raises(OwnApproval):
        version.approve(by=version.created_by)

    assert not ModelVersion.objects.get().is_approved


def test_approval_keeps_who_and_when():
    version, somebody = VersionFactory(passed=True), UserFactory()

    version.approve(by=somebody, notes="checked the residuals")

    kept = ModelVersion.objects.get()
    assert kept.approved_by == somebody
    assert kept.approved_at is not None
    assert kept.approval_notes == "checked the residuals"


def test_same_approver_again_changes_nothing():
    version, somebody = VersionFactory(passed=True), UserFactory()
    version.approve(by=somebody)
    before = version.approved_at

    version.approve(by=somebody)

    assert version.approved_at == before
    assert AuditEntry.objects.filter(action="approve").count() == 1


def test_second_approver_is_told_that_it_is_done():
    version = VersionFactory(passed=True, approved=True)

    with pytest.raises(AlreadyApproved):
        version.approve(by=UserFactory())


def test_nobody_cannot_approve():
    with pytest.raises(Forbidden):
        VersionFactory(passed=True).approve(by=None)


def test_open_checklist_keeps_an_approval_away():
    with pytest.raises(ChecklistNotPassed, match=r"bias reviewed \(pending\)"):
        VersionFactory().approve(by=UserFactory())


def test_archived_version_cannot_be_approved():
    version = VersionFactory(passed=True, stage=ModelStage.ARCHIVED)

    with pytest.raises(IllegalStageMove):
        version.approve(by=UserFactory())


@pytest.mark.parametrize(
    ("checks", "is_approved"),
    [
        ([NewCheck("bias reviewed", ChecklistStatus.FAILED)], False),
        ([*PASSED, NewCheck("load test", ChecklistStatus.PASSED)], False),
        ([], False),
        ([NewCheck("bias reviewed", ChecklistStatus.PASSED, "a note")], True),
    ],
)
def test_another_checklist_voids_the_approval_and_a_note_does_not(checks, is_approved):
    version = VersionFactory(passed=True, approved=True)

    version.set_checklist(checks, by=None)

    assert ModelVersion.objects.get().is_approved == is_approved


def test_item_keeps_the_time_when_it_was_passed():
    version = VersionFactory(passed=True)
    before = version.checklist.get().completed_at

    version.set_checklist([*PASSED, NewCheck("load test")], by=None)

    first, second = version.checklist.all()
    assert first.completed_at == before
    assert second.completed_at is None


def test_check_that_is_named_twice_is_refused():
    version = VersionFactory()

    with pytest.raises(Invalid):
        version.set_checklist([*PASSED, *PASSED], by=None)

    assert version.checklist.get().status == ChecklistStatus.PENDING


def test_revision_is_whole_or_nothing():
    version = VersionFactory()

    with pytest.raises(VersionNotApproved):
        version.revise(by=None, checklist=PASSED, stage=ModelStage.PRODUCTION)

    assert version.checklist.get().status == ChecklistStatus.PENDING


def test_revision_checks_approves_and_promotes_in_one_go():
    version = VersionFactory()

    version.revise(
        by=UserFactory(), checklist=PASSED, approve=True, stage=ModelStage.PRODUCTION
    )

    assert ModelVersion.objects.get().stage == ModelStage.PRODUCTION


def test_writer_who_read_an_older_stage_loses():
    version = VersionFactory(passed=True)
    late = ModelVersion.objects.get()
    version.move_to_stage(ModelStage.STAGING, by=None)

    with pytest.raises(StaleVersion):
        late.move_to_stage(ModelStage.ARCHIVED, by=None)

    assert ModelVersion.objects.get().stage == ModelStage.STAGING


def test_alias_moves_with_a_history():
    first = ModelVersion.register("churn", by=None)
    second = ModelVersion.register("churn", by=None)
    model = first.model

    model.set_alias("champion", first, by=None)
    model.set_alias("champion", second, by=None)
    model.set_alias("champion", second, by=None)
    model.drop_alias("champion", by=None)

    history = model.alias_changes.order_by("pk")
    assert [(one.from_number, one.to_number) for one in history] == [
        (None, 1),
        (1, 2),
        (2, None),
    ]


@pytest.mark.parametrize(
    ("paths", "named", "expected"),
    [
        (["model.onnx"], "", "model.onnx"),
        (["a/net.onnx", "notes.txt"], "", "a/net.onnx"),
        (["a.onnx", "b.onnx"], "", None),
        (["a.onnx", "b.onnx"], "b.onnx", "b.onnx"),
        (["a.onnx", "m/b.onnx"], "m", "m/b.onnx"),
        (["m/model.onnx", "m/other.onnx"], "", "m/model.onnx"),
        (["weights.bin"], "weights.bin", "weights.bin"),
        (["weights.bin"], "", None),
        (["a.onnx"], "s3://bucket/label", "a.onnx"),
        ([], "model.onnx", None),
    ],
)
def test_servable_file_is_found_among_the_uploads(paths, named, expected):
    run = RunFactory()
    for path in paths:
        stored(run, path)

    version = ModelVersion.register("churn", by=None, run=run, artifact_path=named)

    found = version.servable_artifact()
    assert (found and found.path) == expected


def test_file_that_comes_after_the_approval_is_not_served():
    version = VersionFactory(passed=True, approved=True)

    stored(version.run)

    assert version.servable_artifact() is None


def test_file_that_comes_before_the_approval_is_fixed_by_it():
    version = VersionFactory(passed=True)
    artifact = stored(version.run)

    version.approve(by=UserFactory())

    assert ModelVersion.objects.get().artifact == artifact
