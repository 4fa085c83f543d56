"""Metrics that a run logs about a logged model, on a dataset where one is named."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from lifecycle.store.points import NewPoint
from mlops.core.errors import NotFound

_INSERT = """
    INSERT INTO lifecycle_loggedmodelmetric (model_id, run_id, key, step, timestamp_ms,
        value, is_nan, dataset_name, dataset_digest)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_KNOWN = "SELECT id FROM lifecycle_loggedmodel WHERE id IN ({})"


@dataclass(frozen=True, slots=True)
class ModelPoint(NewPoint):
    """A point of a run that is about a logged model as well: `model_id` names it.

    The protocol's dataset belongs to the model's metric: a run's has one value.
    """

    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


def write(cursor: CursorWrapper, run: int, points: Sequence[NewPoint]) -> None:
    """Store those points that name a model; one again is no error.

    Raises NotFound for a model that is not there.
    """
    about = [point for point in points if isinstance(point, ModelPoint)]
    if not about:
        return
    _require_known(cursor, sorted({point.model_id for point in about}))
    cursor.executemany(_INSERT, [_row(run, point) for point in about])


def _require_known(cursor: CursorWrapper, models: Sequence[str]) -> None:
    cursor.execute(_KNOWN.format(",".join(["%s"] * len(models))), models)
    known = {row[0] for row in cursor.fetchall()}
    for model in models:
        if model not in known:
            raise NotFound(
                f"Logged model with ID '{model}' not found.", field="model_id"
            )


def _row(run: int, point: ModelPoint) -> tuple[str | int | float | bool, ...]:
    is_nan = math.isnan(point.value)
    return (
        point.model_id,
        run,
        point.name,
        point.step,
        point.timestamp_ms,
        0.0 if is_nan else point.value,
        is_nan,
        point.dataset_name[:500],
        point.dataset_digest[:100],
    )
