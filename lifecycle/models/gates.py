"""What a model version must have before it may stand in a stage."""

from typing import TYPE_CHECKING

from lifecycle.errors import ChecklistNotPassed, IllegalStageMove, NotApproved
from lifecycle.states import STAGE_MOVES, ModelStage

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion

NEEDS_CHECKLIST = frozenset({ModelStage.STAGING, ModelStage.PRODUCTION})
NEEDS_APPROVAL = frozenset({ModelStage.PRODUCTION})


def require_move(version: "ModelVersion", stage: ModelStage) -> None:
    """Raise IllegalStageMove, ChecklistNotPassed or NotApproved if it may not move."""
    if stage not in STAGE_MOVES[ModelStage(version.stage)]:
        raise IllegalStageMove(
            f"A version in {version.stage} cannot move to {stage}.", field="stage"
        )
    if stage in NEEDS_CHECKLIST:
        require_checklist(version)
    if stage in NEEDS_APPROVAL and not version.is_approved:
        raise NotApproved(
            f"{version} must be approved before it moves to {stage}.", field="stage"
        )


def require_checklist(version: "ModelVersion") -> None:
    """Raise ChecklistNotPassed, naming what is still open or failed."""
    unpassed = version.checklist.unpassed().values_list("name", "status")
    if unpassed:
        items = ", ".join(f"{name} ({status})" for name, status in unpassed)
        raise ChecklistNotPassed(
            f"The checklist of {version} is not passed: {items}.", field="checklist"
        )
