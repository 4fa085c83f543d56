"""Worker part of lifecycle: lets traces go whose time is over."""

from lifecycle.retention import expire_traces
from mlops.worker.thread import WorkerThread


class TraceRetention(WorkerThread):
    """Removes now and then the traces that are too old or too many."""

    pause_s = 600.0
    failure_message = "No traces were let go"

    def round(self) -> None:
        expire_traces()
