"""Deletes what nothing needs beside the reconciler, in a thread of the same worker."""

from deployments.companion import Companion
from deployments.reconciler.leftovers import sweep


class Housekeeping(Companion):
    """Sweeps now and then."""

    pause_s = 600.0
    trouble = "Nothing was swept"

    def round(self) -> None:
        sweep()
