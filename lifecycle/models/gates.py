"""What a model version must have before it may stand in a stage."""

from typing import TYPE_CHECKING

from datasets.models import DatasetVersion
from lifecycle.errors import (
    ChecklistNotPassed,
    DataQualityFailed,
    IllegalStageMove,
    NotApproved,
)
from lifecycle.states import STAGE_MOVES, ModelStage

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion

NEEDS_CHECKLIST = frozenset({ModelStage.STAGING, ModelStage.PRODUCTION})
NEEDS_APPROVAL = frozenset({ModelStage.PRODUCTION})
MOST_NAMED = 10


def require_move(version: "ModelVersion", stage: ModelStage) -> None:
    """Raise what keeps the version from moving, if anything does.

    IllegalStageMove, ChecklistNotPassed, NotApproved or DataQualityFailed.
    """
    if stage not in STAGE_MOVES[ModelStage(version.stage)]:
        raise IllegalStageMove(
            f"A version in {version.stage} cannot move to {stage}.", field="stage"
        )
    if stage in NEEDS_CHECKLIST:
        require_checklist(version)
    if stage in NEEDS_APPROVAL:
        if not version.is_approved:
            raise NotApproved(
                f"{version} must be approved before it moves to {stage}.", field="stage"
            )
        require_sound_data(version)


def require_checklist(version: "ModelVersion") -> None:
    """Raise ChecklistNotPassed, naming what is still open or failed."""
    unpassed = version.checklist.unpassed().values_list("name", "status")
    if unpassed:
        items = ", ".join(f"{name} ({status})" for name, status in unpassed)
        raise ChecklistNotPassed(
            f"The checklist of {version} is not passed: {items}.", field="checklist"
        )


def require_sound_data(version: "ModelVersion") -> None:
    """Raise DataQualityFailed if a dataset that its run read failed its rules.

    Runs name what they read; data that no dataset of the catalogue holds is not
    judged, nor is a version whose rules only warn or were never run.
    """
    failed = DatasetVersion.objects.behind(version.training_run_ids).failing()
    if found := list(failed.select_related("dataset")[:MOST_NAMED]):
        names = ", ".join(str(one) for one in found)
        raise DataQualityFailed(
            f"{version} was trained on data that failed its quality rules: {names}.",
            field="approved_by",
            dataset_versions=[str(one.pk) for one in found],
        )
