"""Errors of deployments; each has a stable code."""

from typing import Self

from mlops.core.errors import DomainError, Forbidden, NotFound


class IllegalTransition(DomainError):
    """The transition is not allowed from this status, or not for this mover."""

    code = "illegal_transition"


class StaleDeployment(DomainError):
    """Another writer changed the deployment (optimistic lock); read it again."""

    code = "stale_deployment"


class NoEarlierDeployment(DomainError):
    code = "nothing_to_roll_back_to"


class NotActive(DomainError):
    """Only what serves now can be rolled back or terminated."""

    code = "not_active"


class ApprovalMissing(DomainError):
    """The environment requires an approval that the version lacks."""

    code = "not_approved"


class VersionArchived(DomainError):
    code = "version_archived"


class DeploymentInProgress(DomainError):
    """An equal deployment is in progress; `deployment_id` names it."""

    code = "deployment_in_progress"

    @classmethod
    def of(cls, deployment_id: object) -> Self:
        same = f"The same deployment is on its way already: {deployment_id}."
        return cls(same, deployment_id=str(deployment_id))


class SlotBusy(DomainError):
    """Another deployment of the slot is being validated or brought up."""

    code = "slot_busy"


class NotRollingOut(DomainError):
    """There is no canary or shadow under way to steer."""

    code = "not_rolling_out"


class ServerOwned(DomainError):
    """The field is measured or decided by the server; a client cannot set it."""

    code = "server_owned"


class MayNotDeploy(Forbidden):
    """The caller lacks `deployments.deploy_to_<environment>`."""

    code = "may_not_deploy"


class NoSuchDeployment(NotFound):
    code = "not_found"


class NothingSampled(NotFound):
    """No live request of the deployment and time was kept."""

    code = "nothing_sampled"


class NoTrainingData(DomainError):
    """The model's run read no dataset of the catalogue; there is no norm."""

    code = "no_training_data"


class InputsUnknown(DomainError):
    """Nothing says which column of the training data an input is."""

    code = "inputs_unknown"


class LeaseLost(Exception):
    """The lease expired and another reconciler has it; nothing was written."""
