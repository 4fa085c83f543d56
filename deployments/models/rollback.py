"""Which deployment a rollback returns to."""

from typing import TYPE_CHECKING

from django.db.models import Q

from deployments.errors import NothingToRollBackTo
from deployments.states import Status
from lifecycle.artifacts import file_path
from lifecycle.models import servable

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment

SIZE = ("instances", "instance_type", "auto_scaling", "min_instances", "max_instances")


def predecessor(
    undone: "Deployment", wanted: "Deployment | None" = None
) -> "Deployment":
    """Return what the slot goes back to when `undone` is rolled back.

    Without a wish: the newest earlier revision that served, was not undone itself,
    and whose artifact is still what it was. Another model version comes first; where
    none has served, the same one in another size. The same in the same size would
    change nothing. What `undone` itself restored counts as undone with it, so that a
    second rollback goes further back. A wish may name any revision of the slot that
    served. Raises NothingToRollBackTo.
    """
    if wanted is not None:
        _require_usable(undone, wanted)
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
            if is_intact(candidate):
                return candidate
    raise NothingToRollBackTo(
        f"There is no earlier version of {undone.slot} that could serve again."
    )


def is_intact(deployment: "Deployment") -> bool:
    """Whether the artifact is in the store, with the digest and size it had."""
    artifact = deployment.artifact
    if artifact is None or not artifact.is_stored:
        return False
    if servable.digest_of(artifact) != deployment.artifact_sha256:
        return False
    try:
        return all(
            file_path(one).stat().st_size == one.size_bytes
            for one in servable.files_of(artifact)
        )
    except OSError:
        return False


def _require_usable(undone: "Deployment", wanted: "Deployment") -> None:
    if wanted.slot_id != undone.slot_id or wanted.pk == undone.pk:
        raise NothingToRollBackTo(
            "The target must be another deployment of the same model in the same "
            "environment.",
            field="target_deployment_id",
        )
    if wanted.deployed_at is None or not is_intact(wanted):
        raise NothingToRollBackTo(
            "The target never served, or its artifact is not what it was.",
            field="target_deployment_id",
        )
