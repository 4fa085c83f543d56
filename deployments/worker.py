"""Worker parts of deployments: the reconcile loop, and threads beside it."""

import threading

from deployments.reconciler import Reconciler
from deployments.reconciler.loop import run
from deployments.reconciler.sample_intake import Intake, prune
from deployments.reconciler.stale_files import sweep
from deployments.states import Environment
from deployments.targets import configured
from mlops.core import audit
from mlops.core.byte_store import delete_delayed
from mlops.worker.thread import WorkerThread

PRUNE_EVERY = 60  # rounds


class ReconcileLoop:
    """Brings deployments to what was asked for, on the targets of this installation."""

    def __init__(self) -> None:
        self._targets = configured()

    def run(self, stopping: threading.Event) -> None:
        """Reconcile until `stopping` is set; model servers go on afterwards."""
        try:
            # The first target serves every environment until settings say more.
            run(
                Reconciler(dict.fromkeys(Environment.values, self._targets[0])),
                stopping,
            )
        finally:
            for target in self._targets:
                target.close()

    def stop_all(self) -> None:
        """Stop every model server of this machine."""
        for target in self._targets:
            target.close(stop_all=True)


class SampleIntake(WorkerThread):
    """Stores what gateways sampled."""

    pause_s = 5.0
    failure_message = "Samples were not taken in"

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(stopping)
        self._intake = Intake()
        self._rounds = 0

    def round(self) -> None:
        """Prune first: that makes room for what is new on a full disk."""
        if self._rounds % PRUNE_EVERY == 0:
            prune()
        self._rounds += 1
        self._intake.ingest()


class Housekeeping(WorkerThread):
    """Deletes now and then what nothing needs any more."""

    pause_s = 600.0
    failure_message = "Nothing was swept"

    def round(self) -> None:
        sweep()
        audit.prune()
        delete_delayed()
