"""Whether the demo story has run here, without importing it."""

from deployments.models import Deployment

MODEL = "next-day-direction"


def has_run() -> bool:
    """Return whether the story's last step, the rollback, has been asked for."""
    return Deployment.objects.filter(
        slot__model__name=MODEL, rollback_from__isnull=False
    ).exists()
