"""Keeps the live samples beside the reconciler, in a thread of the same worker."""

import threading

from deployments.companion import Companion
from deployments.reconciler.sampling import Intake, prune

PRUNE_EVERY = 60  # rounds


class Sampling(Companion):
    """Takes in what gateways sampled."""

    pause_s = 5.0
    trouble = "Samples were not taken in"

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(stopping)
        self._intake = Intake()
        self._rounds = 0

    def round(self) -> None:
        """Prune first: that makes room for what is new on a full disk."""
        if self._rounds % PRUNE_EVERY == 0:
            prune()
        self._rounds += 1
        self._intake.take_in()
