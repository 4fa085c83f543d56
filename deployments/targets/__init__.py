"""Places where deployments run; `configured` makes the ones that settings name."""

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from deployments.targets.base import Target
from deployments.targets.local import LocalTarget


def configured() -> Sequence[Target]:
    """Return the targets of this installation, the default one first."""
    # A target is used without the rows of a store, and without Django's apps.
    from mlops.core.byte_store import byte_store  # noqa: PLC0415

    return [LocalTarget(Path(settings.DATA_DIR), store=byte_store())]
