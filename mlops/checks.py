"""What `manage.py check` finds wrong with this installation."""

import os
import tempfile
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name


@register(Tags.security)
def data_folder_is_ours(**_options: Any) -> list[CheckMessage]:
    """The data folder can be written, and nobody else can read it."""
    folder = settings.DATA_DIR
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return [
            Error(
                f"The data folder {folder} cannot be written: {error.strerror}.",
                hint="Set MLOPS_DATA_DIR to a folder of the user that runs this.",
                id="mlops.E001",
            )
        ]
    if os.name == "posix" and folder.stat().st_mode & 0o007:
        return [
            Warning(
                f"Everybody on this machine can look into the data folder {folder}.",
                hint=f"chmod 700 {folder}",
                id="mlops.W001",
            )
        ]
    return []


@register(Tags.security)
def origins_are_exact(**_options: Any) -> list[CheckMessage]:
    """Every allowed origin is one origin: credentials go to it."""
    return [
        Error(
            f"MLOPS_CORS_ORIGINS holds {origin!r}; name scheme, host and port exactly.",
            id="mlops.E002",
        )
        for origin in settings.CORS_ALLOWED_ORIGINS
        if "*" in origin or "://" not in origin or origin.endswith("/")
    ]


@register(Tags.security)
def open_mode_is_reported(**_options: Any) -> list[CheckMessage]:
    """Open mode is for trying things out, and says so."""
    if not settings.OPEN_MODE:
        return []
    return [
        Warning("MLOPS_OPEN_MODE lets anyone do anything here.", id="mlops.W002"),
    ]
