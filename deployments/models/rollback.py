"""Rollback of a slot: the version that returns, and deployments that it replaces."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from deployments.errors import DeploymentInProgress, NoEarlierDeployment, NotActive
from deployments.models.moves import Step
from deployments.models.slot import Slot
from deployments.plan import Strategy
from deployments.states import Status
from lifecycle.models import Artifact, servable
from lifecycle.paths import stored_key
from mlops.core.byte_store import byte_store

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment

SIZE = ("instances", "instance_type", "auto_scaling", "min_instances", "max_instances")


@dataclass(frozen=True, slots=True)
class Rollback:
    """Undoes what serves in a slot with an earlier deployment of the same slot."""

    undone: "Deployment"

    def begin(self, step: Step, wanted: "Deployment | None" = None) -> "Deployment":
        """Return the pending deployment that brings an earlier version back.

        Raises NotActive, NoEarlierDeployment or DeploymentInProgress, and then no row
        has changed.
        """
        with transaction.atomic():
            Slot.lock(self.undone.slot_id)
            self._require_serving()
            earlier = self._predecessor(wanted)
            self._clear_the_way(step)
            restored = self._copy_of(earlier, step)
            restored.moves.enter(step)
        return restored

    def _require_serving(self) -> None:
        """Raise NotActive unless the row, not the object's memory, is active."""
        rows = type(self.undone).objects.serving()
        if not rows.filter(pk=self.undone.pk, ends_as="").exists():
            raise NotActive(
                "Only the deployment that serves now can be rolled back.",
                field="status",
            )

    def _predecessor(self, wanted: "Deployment | None") -> "Deployment":
        """Return what the slot goes back to.

        Where none is asked for: the newest earlier revision that served, was not undone
        itself, and whose artifact is still what it was. Another model version comes
        first; where none has served, the same one in another size. The same in the same
        size would change nothing. What the undone one itself restored counts as undone
        with it, so that a second rollback goes further back. The one asked for may be
        any revision of the slot that served. Raises NoEarlierDeployment.
        """
        undone = self.undone
        if wanted is not None:
            self._require_usable(wanted)
            return wanted
        origin = undone.restores or undone
        earlier = (
            undone.slot.deployments.served()
            .filter(revision__lt=origin.revision)
            .exclude(status=Status.ROLLBACK)
            .select_related("artifact", "model_version", "restores")
            .order_by("-revision")
        )
        same = Q(model_version=undone.model_version_id)
        resized = earlier.filter(same).exclude(
            **{name: getattr(undone, name) for name in SIZE}
        )
        for candidates in (earlier.exclude(same), resized):
            for candidate in candidates.iterator(chunk_size=20):
                if is_intact(candidate.artifact, candidate.artifact_sha256):
                    return candidate
        raise NoEarlierDeployment(
            f"There is no earlier version of {undone.slot} that could serve again."
        )

    def _require_usable(self, wanted: "Deployment") -> None:
        undone = self.undone
        if wanted.slot_id != undone.slot_id or wanted.pk == undone.pk:
            raise NoEarlierDeployment(
                "The target must be another deployment of the same model in the same "
                "environment.",
                field="target_deployment_id",
            )
        is_whole = is_intact(wanted.artifact, wanted.artifact_sha256)
        if wanted.deployed_at is None or not is_whole:
            raise NoEarlierDeployment(
                "The target never served, or its artifact is not what it was.",
                field="target_deployment_id",
            )

    def _clear_the_way(self, step: Step) -> None:
        """Cancel what is on its way to the slot."""
        undone = self.undone
        for other in undone.slot.deployments.in_progress().filter(ends_as=""):
            if other.rollback_from_id == undone.pk:
                raise DeploymentInProgress.of(other.pk)
            message = f"a rollback of revision {undone.revision} overtook it"
            cancelled = Step("fail", step.mover, step.by, message)
            other.moves.end(Status.FAILED, cancelled)

    def _copy_of(self, earlier: "Deployment", step: Step) -> "Deployment":
        """Return the row, not yet stored, that brings an earlier one back at once."""
        return type(earlier)(
            slot=self.undone.slot,
            model_version=earlier.model_version,
            artifact=earlier.artifact,
            artifact_sha256=earlier.artifact_sha256,
            reading=earlier.reading,
            signature={"manifest": earlier.signature.get("manifest")},
            created_by=step.by,
            reason=step.message,
            rollback_from=self.undone,
            restores_id=earlier.restores_id or earlier.pk,
            **earlier.plan.columns() | {"strategy": Strategy().stored()},
        )


def is_intact(artifact: Artifact | None, sha256: str) -> bool:
    """Whether an artifact is in the store, with the digest and size it had."""
    if artifact is None or not artifact.is_stored:
        return False
    if servable.digest_of(artifact) != sha256:
        return False
    try:
        return all(
            byte_store().stat(stored_key(one.pk)).size_bytes == one.size_bytes
            for one in servable.files_of(artifact)
        )
    except OSError:
        return False
