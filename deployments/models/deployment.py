"""A deployment: one version of a model, asked to serve in one slot."""

from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from deployments.errors import (
    DeploymentInProgress,
    MayNotDeploy,
    NotActive,
    NotRollingOut,
)
from deployments.kick import wait_on_commit
from deployments.models.moves import Step
from deployments.models.reconciled import ReconciledDeployment
from deployments.models.rollback import predecessor
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.plan import Plan, Strategy
from deployments.states import Environment, Mover, Status
from lifecycle.models import ModelVersion, servable
from mlops.core.models import User


class Deployment(ReconciledDeployment):
    """See `DeploymentRecord` for what its columns mean."""

    class Meta(ReconciledDeployment.Meta):
        abstract = False

    # What people ask for ----------------------------------------------------------

    @classmethod
    def request(
        cls,
        version: ModelVersion,
        environment: str,
        *,
        by: User | None,
        plan: Plan | None = None,
        notes: str | None = None,
    ) -> Self:
        """Ask for a version to serve in an environment; return the pending deployment.

        Raises Invalid, MayNotDeploy, NotApproved, VersionArchived, or
        DeploymentInProgress when the very same is on its way already.
        """
        place = Environment(environment)
        plan = plan or Plan()
        plan.check()
        _require(by, f"deploy_to_{place}")
        EnvironmentRule.of(place).require(version)
        slot, _ = Slot.objects.get_or_create(model=version.model, environment=place)
        with transaction.atomic():
            Slot.lock(slot.pk)
            cls._refuse_twin(slot, version, plan)
            artifact = version.servable_artifact()
            asked = cls(
                slot=slot,
                model_version=version,
                artifact=artifact,
                artifact_sha256=servable.digest_of(artifact) if artifact else "",
                created_by=by,
                notes=notes,
                **_columns(plan),
            )
            asked.enter(Step("deploy", by=by, message=notes or ""))
        return asked

    def roll_back(
        self,
        *,
        by: User | None = None,
        reason: str = "",
        target: "Deployment | None" = None,
        mover: Mover = Mover.USER,
    ) -> "Deployment":
        """Return the slot to the newest earlier version that served there.

        Returns the new deployment of that version (`predecessor` says which one it
        is), still pending; this one serves on until that one is active. What else
        was on its way to the slot is cancelled, and no approval is asked: a rollback
        is an emergency. Raises NotActive, NothingToRollBackTo or
        DeploymentInProgress; on any of them no row has changed.
        """
        _require(by, "roll_back_deployment")
        step = Step("roll_back", mover, by, reason)
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_serving()
            earlier = predecessor(self, target)
            self._clear_the_way(step)
            restored = self._return_to(earlier, by=by, reason=reason)
            restored.enter(step)
        return restored

    def find_target(self, text: str) -> "Deployment":
        """Return what a client means by the target of a rollback of this one.

        That is the deployment of this id, else, of those that served in this slot
        before, what `find` finds. Raises NoSuchDeployment.
        """
        rows = type(self).objects.detailed()
        served = rows.served().filter(slot=self.slot_id, revision__lt=self.revision)
        return rows.with_id(text) or served.find(text)

    def cancel(self, *, by: User | None, reason: str = "") -> None:
        """Give up what is on its way. Raises IllegalTransition once it serves.

        What is deploying may get requests at any moment: the reconciler ends it.
        """
        _require(by, f"deploy_to_{self.environment}")
        said = f"cancelled by {by or 'a person'}" + (f": {reason}" if reason else "")
        self.end(Status.FAILED, Step("cancel", by=by, message=said))
        wait_on_commit()

    def terminate(self, *, by: User | None, reason: str = "") -> None:
        """Have what serves taken out of service, without a successor.

        The row says `terminated` when no gateway sends it requests any more, which
        the caller's commit waits for, a second at most.
        """
        _require(by, f"deploy_to_{self.environment}")
        if not self.is_current:
            raise NotActive(
                f"Only an active deployment can be terminated; this is {self.status}.",
                field="status",
            )
        self.end(Status.TERMINATED, Step("terminate", by=by, message=reason))
        wait_on_commit()

    def ask_for(self, status: str, *, by: User | None, reason: str = "") -> None:
        """Do what a client's wish for a status stands for.

        `failed` cancels, `rollback` rolls back, `terminated` retires. Raises
        IllegalTransition, naming what could be asked for, for anything else.
        """
        if status not in self.allowed_statuses:
            raise self._illegal(status)
        if status == Status.FAILED:
            self.cancel(by=by, reason=reason)
        elif status == Status.TERMINATED:
            self.terminate(by=by, reason=reason)
        else:
            self.roll_back(by=by, reason=reason)

    def promote(self, *, by: User | None) -> None:
        """Give the canary or shadow all the traffic; the reconciler does it next."""
        self._steer(Step("promote", by=by), is_promoted=True, is_paused=False)

    def pause(self, *, by: User | None) -> None:
        """Hold the rollout at its present share."""
        self._steer(Step("pause", by=by), is_paused=True)

    def resume(self, *, by: User | None) -> None:
        """Go on with the rollout; the present step lasts its full time again."""
        self._steer(Step("resume", by=by), is_paused=False, rollout_at=timezone.now())

    def abort(self, *, by: User | None, reason: str = "") -> None:
        """Have the rollout ended; all traffic goes back to the active one, first."""
        _require(by, f"deploy_to_{self.environment}")
        self._require_rollout()
        said = "the rollout was aborted" + (f": {reason}" if reason else "")
        self.end(Status.FAILED, Step("abort", by=by, message=said))
        wait_on_commit()

    # Inside -----------------------------------------------------------------------

    @classmethod
    def _refuse_twin(cls, slot: Slot, version: ModelVersion, plan: Plan) -> None:
        """Raise DeploymentInProgress if the same was asked for and is on its way."""
        others = slot.deployments.in_progress().filter(ends_as="")
        for other in others.filter(model_version=version):
            if other.plan == plan and other.rollback_from_id is None:
                raise _in_progress(other)

    def _clear_the_way(self, step: Step) -> None:
        """Cancel what is on its way to the slot, for a rollback of this one."""
        for other in self.slot.deployments.in_progress().filter(ends_as=""):
            if other.rollback_from_id == self.pk:
                raise _in_progress(other)
            said = f"a rollback of revision {self.revision} overtook it"
            other.end(Status.FAILED, Step("fail", step.mover, step.by, said))

    def _return_to(
        self, earlier: "Deployment", *, by: User | None, reason: str
    ) -> "Deployment":
        """Return the row, not yet stored, that brings an earlier one back at once."""
        return type(self)(
            slot=self.slot,
            model_version=earlier.model_version,
            artifact=earlier.artifact,
            artifact_sha256=earlier.artifact_sha256,
            reading=earlier.reading,
            signature={"manifest": earlier.signature.get("manifest")},
            created_by=by,
            reason=reason,
            rollback_from=self,
            restores_id=earlier.restores_id or earlier.pk,
            **_columns(earlier.plan) | {"strategy": Strategy().stored()},
        )

    def _steer(self, step: Step, **changes: Any) -> None:
        _require(step.by, f"deploy_to_{self.environment}")
        self._require_rollout()
        self._update(step, **changes)

    def _require_rollout(self) -> None:
        if not self.is_rolling_out or self.ends_as:
            raise NotRollingOut("No canary or shadow of this deployment is under way.")

    def _require_serving(self) -> None:
        """Raise NotActive unless the row, not this object's memory, is active."""
        if not type(self).objects.serving().filter(pk=self.pk, ends_as="").exists():
            raise NotActive(
                "Only the deployment that serves now can be rolled back.",
                field="status",
            )


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "instances": plan.instances,
        "instance_type": plan.instance_type,
        "auto_scaling": plan.auto_scaling,
        "min_instances": plan.min_instances,
        "max_instances": plan.max_instances,
        "strategy": plan.strategy.stored(),
        "timeout_s": plan.timeout_s,
        "max_concurrency": plan.max_concurrency,
        "max_body_bytes": plan.max_body_bytes,
    }


def _in_progress(other: Deployment) -> DeploymentInProgress:
    return DeploymentInProgress(
        f"The same deployment is on its way already: {other.pk}.",
        deployment_id=str(other.pk),
    )


def _require(by: User | None, permission: str) -> None:
    """Raise MayNotDeploy unless the caller has a permission; None is the system."""
    if by is not None and not by.has_perm(f"deployments.{permission}"):
        raise MayNotDeploy(f"This needs the permission deployments.{permission}.")
