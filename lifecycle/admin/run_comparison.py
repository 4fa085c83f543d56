"""Runs beside each other: what differs, their curves, and the same as CSV."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from lifecycle.admin.run_table import figure
from lifecycle.models import Experiment, LatestMetric, Run
from lifecycle.states import RunStatus
from lifecycle.times import from_ms, stamp_ms
from mlops.core.pages import moment

MOST_RUNS = 20
MOST_AXES = 8
FIRST_CURVES = 4
_SCREEN = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet takes for a formula."""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A parameter or metric: a value for each run, and whether they differ."""

    name: str
    kind: str
    values: list[Any]

    @property
    def differs(self) -> bool:
        return len({str(value) for value in self.values}) > 1

    @property
    def shown(self) -> list[str]:
        return [figure(value) for value in self.values]


def picked(request: HttpRequest, experiment: Experiment) -> tuple[list[Run], list[str]]:
    """Return the runs that the address names, in its order, and what is not there."""
    uids = list(dict.fromkeys(request.GET.getlist("run")))
    found = {
        run.uid: run
        for run in experiment.runs.whole().filter(
            uid__in=uids[:MOST_RUNS], deleted_ms=None
        )
    }
    absent = [uid for uid in uids if uid not in found]
    return [found[uid] for uid in uids if uid in found], absent


def compared(runs: Sequence[Run]) -> list[ComparedRow]:
    """Return parameters, then metrics, by name; None where a run has none."""
    params = [{str(one.key): one.value for one in run.params.all()} for run in runs]
    metrics = [
        {_named(one): _value(one) for one in run.latest_metrics.all()} for run in runs
    ]
    return [
        ComparedRow(name, kind, [of_run.get(name) for of_run in logged])
        for kind, logged in (("params", params), ("metrics", metrics))
        for name in sorted(set().union(*logged))
    ]


def comparison_context(runs: Sequence[Run], rows: Sequence[ComparedRow]) -> Any:
    """Return what the page shows of the runs and gives to its script."""
    return {
        "runs": [
            {"run": run, "url": _url(run), "started": moment(from_ms(run.started_ms))}
            for run in runs
        ],
        "rows": rows,
        "curves": curve_parts(runs),
        "given": {
            "runs": [run.uid for run in runs],
            "names": _labels(runs),
            "open": any(run.status == RunStatus.RUNNING for run in runs),
            "urls": [_url(run) for run in runs],
            "rows": [_axis(row) for row in rows],
            "axes": [row.name for row in rows if row.differs][:MOST_AXES],
        },
    }


def curve_parts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the metrics that have a curve, the first of them shown."""
    found = LatestMetric.objects.filter(run__in=runs).values_list(
        "key__name", flat=True
    )
    names = sorted(set(found))
    return [
        {"name": name, "id": f"curve-{place}", "shown": place < FIRST_CURVES}
        for place, name in enumerate(names)
    ]


def as_csv(runs: Sequence[Run], rows: Iterable[ComparedRow]) -> HttpResponse:
    """Return the table: a line for each run, a column for each parameter and metric."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="runs.csv"'
    lines = csv.writer(answer)
    rows = list(rows)
    lines.writerow(
        ["run_id", "name", "status", "started", *(_cell(row.name) for row in rows)]
    )
    for place, run in enumerate(runs):
        known = [run.uid, _cell(run.name), run.status, stamp_ms(run.started_ms)]
        lines.writerow([*known, *(_cell(row.values[place]) for row in rows)])
    return answer


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_SCREEN):
        return f"'{value}"
    return "" if value is None else value


def _axis(row: ComparedRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "values": [_number(v) for v in row.values],
    }


def _number(value: Any) -> Any:
    """Return a parameter's text as the number that it is, if it is one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return number if number - number == 0 else str(value)


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return a label for each run; where names repeat, with the id behind them."""
    names = [str(run) for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} ({run.uid[:8]})"
        for name, run in zip(names, runs, strict=True)
    ]


def _named(metric: LatestMetric) -> str:
    return f"{metric.key} ({metric.dataset})" if metric.dataset else str(metric.key)


def _value(metric: LatestMetric) -> float | str:
    if metric.is_nan:
        return "NaN"
    return metric.value if metric.is_finite else str(metric.value)


def _url(run: Run) -> str:
    return reverse("admin:lifecycle_run_work", args=[run.pk])
