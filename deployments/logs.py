"""Where each deployment's log lies, for what reads it in a Django process."""

from pathlib import Path

from django.conf import settings


def path_of(deployment_id: str) -> Path:
    return Path(settings.DATA_DIR) / "run" / "logs" / f"{deployment_id}.log"
