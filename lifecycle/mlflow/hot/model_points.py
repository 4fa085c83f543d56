"""Metrics that a run logs about a logged model."""

import math
from collections.abc import Sequence

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow.errors import Missing
from lifecycle.mlflow.hot.points import Metric

_INSERT = """
    INSERT INTO lifecycle_loggedmodelmetric (model_id, run_id, key, step, timestamp_ms,
        value, is_nan, dataset_name, dataset_digest)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def write_model_metrics(
    cursor: CursorWrapper, run: int, metrics: Sequence[Metric]
) -> None:
    """Store the metrics that name a model. Raises Missing for one that is not there."""
    about = [metric for metric in metrics if metric.model_id]
    if not about:
        return
    _refuse_unknown(cursor, sorted({metric.model_id for metric in about}))
    cursor.executemany(
        _INSERT,
        [
            (
                metric.model_id,
                run,
                metric.key,
                metric.step,
                metric.timestamp_ms,
                0.0 if math.isnan(metric.value) else metric.value,
                math.isnan(metric.value),
                metric.dataset_name[:500],
                metric.dataset_digest[:100],
            )
            for metric in about
        ],
    )


def _refuse_unknown(cursor: CursorWrapper, models: list[str]) -> None:
    marks = ",".join(["%s"] * len(models))
    cursor.execute(
        f"SELECT id FROM lifecycle_loggedmodel WHERE id IN ({marks})",  # noqa: S608 - only marks
        models,
    )
    known = {row[0] for row in cursor.fetchall()}
    for model in models:
        if model not in known:
            raise Missing(f"Logged model with ID '{model}' not found.")
