"""What a model version must have before it is approved or stands in a stage."""

from typing import TYPE_CHECKING

from datasets.models import DatasetVersion
from lifecycle.errors import (
    AlreadyApproved,
    ChecklistNotPassed,
    DataQualityFailed,
    IllegalStageMove,
    NotApproved,
    OwnApproval,
)
from lifecycle.states import STAGE_MOVES, ModelStage
from mlops.core.errors import Forbidden
from mlops.core.models import User

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


def require_approver(version: "ModelVersion", by: User | None) -> None:
    """Raise what keeps this person from vouching for the version.

    Forbidden without a person, OwnApproval for its author, AlreadyApproved, or
    IllegalStageMove for an archived one.
    """
    if by is None:
        raise Forbidden("An approval needs a signed-in person.")
    if version.created_by == by:
        raise OwnApproval(
            "Whoever made a version cannot approve it.", field="approved_by"
        )
    if version.is_approved:
        raise AlreadyApproved(
            f"{version.approved_by} approved this version already.",
            field="approved_by",
        )
    if version.stage == ModelStage.ARCHIVED:
        raise IllegalStageMove(
            "An archived version cannot be approved.", field="approved_by"
        )


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
