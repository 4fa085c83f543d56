"""What this door may do to a run beside logging: report, delete, restore.

A run that ended may go on here (the protocol has no final status); only deletion
closes it.
"""

from lifecycle.models import Run
from lifecycle.states import RunStatus
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.models import User


def report(
    run: Run,
    *,
    status: RunStatus | None = None,
    ended_ms: int | None = None,
    name: str = "",
    by: User | None,
) -> None:
    """Store what a client says of its run; an ended run without a time ends now."""
    before = {"status": run.status, "ended_ms": run.ended_ms, "name": run.name}
    if status is not None:
        run.status = status
    if ended_ms is not None:
        run.ended_ms = ended_ms
    if name:
        run.name = name
    after = {"status": str(run.status), "ended_ms": run.ended_ms, "name": run.name}
    changes = {
        field: [before[field], value]
        for field, value in after.items()
        if before[field] != value
    }
    if changes:
        run.save(update_fields=list(changes))
        audit.record("report", run, by=by, changes=changes)


def delete(run: Run, *, by: User | None) -> None:
    """Put the run aside; `restore` brings it back until it is purged."""
    if run.deleted_ms is None:
        run.deleted_ms = now_ms()
        run.save(update_fields=["deleted_ms"])
        audit.record("delete", run, by=by)


def restore(run: Run, *, by: User | None) -> None:
    if run.deleted_ms is not None:
        run.deleted_ms = None
        run.save(update_fields=["deleted_ms"])
        audit.record("restore", run, by=by)
