"""Places where deployments run; `configured` makes the ones that settings name.

Model processes import this package too, so it must stay free of Django.
"""

from collections.abc import Sequence
from pathlib import Path

from deployments.targets.base import Target


def configured() -> Sequence[Target]:
    """Return the targets of this installation, the default one first."""
    from django.conf import settings  # noqa: PLC0415 - see above

    from deployments.targets.local import LocalTarget  # noqa: PLC0415 - see above

    return [LocalTarget(Path(settings.DATA_DIR))]
