"""One batch of a run's metrics, parameters and tags."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

from lifecycle.store import keys, params, points, tags
from lifecycle.store.points import NewPoint
from lifecycle.store.recording import Recording


def write(
    cursor: CursorWrapper,
    run: int,
    *,
    metrics: Sequence[NewPoint] = (),
    parameters: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Store what a run logs, whatever its status: that is the caller's to ask.

    Raises ParamConflict; the caller's transaction then takes all of it back. Nothing
    of it is recorded in the trail: it is telemetry.
    """
    parameters, labels = parameters or {}, labels or {}
    names = [*(point.name for point in metrics), *parameters, *labels]
    ids = keys.intern(cursor, names)
    params.write(cursor, run, parameters, ids)
    points.write(cursor, run, metrics, ids)
    tags.write_of_run(cursor, run, labels, ids)


def record(
    history: Recording,
    run: int,
    *,
    metrics: Sequence[NewPoint] = (),
    parameters: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Store what an imported run logged, as `write` does."""
    write(history.cursor, run, metrics=metrics, parameters=parameters, labels=labels)
    history.count("points", len(metrics))
    history.count("parameters", len(parameters or {}))
    history.count("tags", len(labels or {}))
