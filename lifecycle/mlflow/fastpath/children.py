"""Child rows of runs (metrics, parameters, tags, inputs), five statements a page."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db.backends.utils import CursorWrapper

Message = dict[str, Any]

_METRICS = """
    SELECT m.run_id, k.name, m.value, m.is_nan, m.timestamp_ms, m.step, m.dataset
    FROM lifecycle_latestmetric m JOIN lifecycle_key k ON k.id = m.key_id
    WHERE m.run_id IN ({})
"""
_TEXTS = """
    SELECT 0, p.run_id, k.name, p.value
    FROM lifecycle_param p JOIN lifecycle_key k ON k.id = p.key_id
    WHERE p.run_id IN ({0})
    UNION ALL
    SELECT 1, t.run_id, k.name, t.value
    FROM lifecycle_runtag t JOIN lifecycle_key k ON k.id = t.key_id
    WHERE t.run_id IN ({0})
"""
_DATASETS = """
    SELECT i.run_id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile,
           i.tags
    FROM lifecycle_runinput i JOIN lifecycle_inputdataset d ON d.id = i.dataset_id
    WHERE i.run_id IN ({}) ORDER BY i.id
"""
_MODELS = """
    SELECT 0, o.run_id, o.model_id, o.step, o.id
    FROM lifecycle_runoutput o WHERE o.run_id IN ({0})
    UNION ALL
    SELECT 1, i.run_id, i.model_id, 0, i.id
    FROM lifecycle_runmodelinput i WHERE i.run_id IN ({0})
    ORDER BY 5
"""
_CHUNK = 10_000


@dataclass(slots=True)
class Children:
    """Everything logged to one run, as messages."""

    metrics: list[Message] = field(default_factory=list)
    params: list[Message] = field(default_factory=list)
    tags: list[Message] = field(default_factory=list)
    datasets: list[Message] = field(default_factory=list)
    models_in: list[Message] = field(default_factory=list)
    models_out: list[Message] = field(default_factory=list)


def children_of(cursor: CursorWrapper, runs: Sequence[int]) -> dict[int, Children]:
    """Return the children of runs by primary key; a run without any has an entry."""
    found: dict[int, Children] = defaultdict(Children)
    for start in range(0, len(runs), _CHUNK):
        part = runs[start : start + _CHUNK]
        marks = ",".join(["%s"] * len(part))
        _add_metrics(cursor, marks, part, found)
        _add_texts(cursor, marks, part, found)
        _add_datasets(cursor, marks, part, found)
        _add_models(cursor, marks, part, found)
    return found


def metric_value(value: float, is_nan: bool) -> float | str:  # noqa: FBT001 - a row's columns
    """Return a number as proto-JSON has it: what JSON has no number for is text."""
    if is_nan:
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _add_metrics(
    cursor: CursorWrapper,
    marks: str,
    runs: Sequence[int],
    found: dict[int, Children],
) -> None:
    cursor.execute(_METRICS.format(marks), runs)
    on_datasets = ""
    for run, key, value, is_nan, timestamp, step, dataset in cursor.fetchall():
        on_datasets = on_datasets or dataset
        if is_nan or value - value != 0:  # NaN, or an infinity (inf - inf is NaN)
            value = metric_value(value, is_nan)  # noqa: PLW2901 - as JSON has it
        found[run].metrics.append(
            {"key": key, "value": value, "timestamp": timestamp, "step": step}
        )
    if on_datasets:
        for run in runs:
            found[run].metrics = _newest(found[run].metrics)


def _newest(metrics: list[Message]) -> list[Message]:
    """Return one metric per key: REST keeps one per dataset, the protocol knows one."""
    newest: dict[str, Message] = {}
    for metric in metrics:
        old = newest.get(metric["key"])
        if old is None or _age(metric) > _age(old):
            newest[metric["key"]] = metric
    return list(newest.values())


def _age(metric: Message) -> tuple[int, int, float]:
    value = metric["value"]
    return metric["step"], metric["timestamp"], 0.0 if value == "NaN" else float(value)


def _add_texts(
    cursor: CursorWrapper,
    marks: str,
    runs: Sequence[int],
    found: dict[int, Children],
) -> None:
    cursor.execute(_TEXTS.format(marks), [*runs, *runs])
    for is_tag, run, key, value in cursor.fetchall():
        children = found[run]
        home = children.tags if is_tag else children.params
        home.append({"key": key, "value": value})


def _add_datasets(
    cursor: CursorWrapper,
    marks: str,
    runs: Sequence[int],
    found: dict[int, Children],
) -> None:
    cursor.execute(_DATASETS.format(marks), runs)
    for run, *columns, tags in cursor.fetchall():
        names = ("name", "digest", "source_type", "source", "schema", "profile")
        dataset = {
            name: text for name, text in zip(names, columns, strict=True) if text
        }
        known = orjson.loads(tags) if isinstance(tags, str | bytes) else tags
        found[run].datasets.append(
            {
                "tags": [{"key": key, "value": value} for key, value in known.items()],
                "dataset": dataset,
            }
        )


def _add_models(
    cursor: CursorWrapper,
    marks: str,
    runs: Sequence[int],
    found: dict[int, Children],
) -> None:
    cursor.execute(_MODELS.format(marks), [*runs, *runs])
    for is_input, run, model, step, _ in cursor.fetchall():
        if is_input:
            found[run].models_in.append({"model_id": model})
        else:
            found[run].models_out.append({"model_id": model, "step": step})
