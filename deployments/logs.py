"""Log files of deployments, for readers in Django processes."""

from pathlib import Path

from django.conf import settings


def path_of(deployment_id: str) -> Path:
    return Path(settings.DATA_DIR) / "run" / "logs" / f"{deployment_id}.log"
