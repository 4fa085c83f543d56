"""Errors of experiments, runs, artifacts and model versions."""

from collections.abc import Sequence

from mlops.core.errors import DomainError, Invalid, NotFound


class ExperimentArchived(DomainError):
    code = "experiment_archived"


class ExperimentDeleted(NotFound):
    """It is hidden until it is restored, and its runs with it."""


class RunClosed(DomainError):
    """The run has ended; nothing is added to it any more."""

    code = "run_closed"


class IllegalRunMove(DomainError):
    code = "illegal_run_status"


class ParamConflict(DomainError):
    """A parameter is written once; `changed` has (name, old, new) of the others."""

    code = "param_conflict"

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        changed: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        super().__init__(message, field=field)
        self.changed = changed


class UnsafePath(Invalid):
    """A path that is absolute, climbs, or holds what a file name must not."""

    code = "unsafe_path"


class LocalUri(Invalid):
    """A client named a local file; nothing here is opened by a client's path."""

    code = "local_uri"


class ArtifactInUse(DomainError):
    """A model version or a deployment uses this file or logged model."""

    code = "artifact_in_use"


class IllegalStageMove(DomainError):
    code = "illegal_stage"


class IllegalModelMove(DomainError):
    """A logged model cannot become that from what it is."""

    code = "illegal_logged_model_status"


class ChecklistNotPassed(DomainError):
    code = "checklist_not_passed"


class DataQualityFailed(DomainError):
    """The training data broke a quality rule of its dataset."""

    code = "data_quality_failed"


class VersionNotApproved(DomainError):
    code = "not_approved"


class AlreadyApproved(DomainError):
    code = "already_approved"


class OwnApproval(DomainError):
    """The author of a version cannot approve it."""

    code = "own_approval"


class StaleVersion(DomainError):
    """Somebody else changed the version meanwhile."""

    code = "lost_race"
