"""Runs of an experiment as a table: sorted, filtered, paged by the search of runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle.mlflow.errors import MlflowError
from lifecycle.mlflow.fastpath.search import RunSearch, search_runs
from lifecycle.mlflow.search.order import parse_order
from lifecycle.mlflow.search.syntax import parse
from lifecycle.models import Experiment
from lifecycle.states import RunStatus
from lifecycle.times import from_ms
from mlops.core.pages import EMPTY, moment

PAGE = 50
MOST_COLUMNS = 100
_STATUS = {
    "FINISHED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.CANCELLED,
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.SCHEDULED,
}


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column of the table: its name, and the addresses that sort by it."""

    name: str
    kind: str
    order: str
    sorted: str
    url: str


@dataclass(frozen=True, slots=True)
class RunLine:
    uid: str
    name: str
    url: str
    status: str
    started: SafeString | str
    duration: str
    cells: list[tuple[str, str]]


def run_table(request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
    """Return what the template shows; a filter that is none is said, and no row."""
    asked = {name: request.GET.get(name, "") for name in ("filter", "order", "page")}
    error, following = "", ""
    found: list[dict[str, Any]] = []
    try:
        found, following = _found(experiment, asked)
    except MlflowError as refused:
        error = refused.message
    columns, left_out = _columns(request, found, asked["order"])
    return {
        "asked": asked,
        "error": error,
        "columns": columns,
        "left_out": left_out,
        "fixed": [
            _column(request, label, "attributes", key, asked["order"])
            for label, key in (
                (_("run"), "run_name"),
                (_("status"), "status"),
                (_("started"), "start_time"),
            )
        ],
        "lines": [_line(run, columns) for run in found],
        "next_url": _with(request, page=following) if following else "",
        "first_url": _with(request, page="") if asked["page"] else "",
    }


def _found(
    experiment: Experiment, asked: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str]:
    wanted = RunSearch(
        experiments=[experiment.pk],
        view="ACTIVE_ONLY",
        tree=parse(asked["filter"]),
        order=parse_order([asked["order"]] if asked["order"] else []),
        limit=PAGE,
        token=asked["page"],
    )
    with connection.cursor() as cursor:
        return search_runs(cursor, wanted)


def _columns(
    request: HttpRequest, runs: Iterable[Mapping[str, Any]], order: str
) -> tuple[list[RunColumn], int]:
    """Return a column for each metric, then parameter, of these runs; and the rest."""
    names: dict[tuple[str, str], None] = {}
    for kind in ("metrics", "params"):
        found = {one["key"] for run in runs for one in run["data"].get(kind, [])}
        names.update(dict.fromkeys((kind, name) for name in sorted(found)))
    shown = list(names)[:MOST_COLUMNS]
    columns = [_column(request, name, kind, name, order) for kind, name in shown]
    return columns, len(names) - len(shown)


def _column(
    request: HttpRequest, label: str, kind: str, key: str, order: str
) -> RunColumn:
    """Return a column; its link sorts downwards first, then upwards."""
    quote = '"' if "`" in key else "`"
    down, up = (f"{kind}.{quote}{key}{quote} {way}" for way in ("DESC", "ASC"))
    state = {down: "descending", up: "ascending"}.get(order, "")
    following = up if order == down else down
    url = _with(request, order=following, page="")
    return RunColumn(label, kind, following, state, url)


def _line(run: Mapping[str, Any], columns: Iterable[RunColumn]) -> RunLine:
    info, data = run["info"], run["data"]
    logged = {
        (kind, one["key"]): one["value"]
        for kind in ("metrics", "params")
        for one in data.get(kind, [])
    }
    cells = [
        (column.kind, figure(logged.get((column.kind, column.name))))
        for column in columns
    ]
    start, end = info["start_time"], info.get("end_time")
    return RunLine(
        uid=info["run_id"],
        name=info.get("run_name") or info["run_id"],
        url=reverse("admin:lifecycle_run_work", args=[info["run_id"]]),
        status=str(_STATUS[info["status"]].label),
        started=moment(from_ms(int(start))),
        duration=f"{(int(end) - int(start)) / 1000:,.1f} s" if end else EMPTY,
        cells=cells,
    )


def figure(value: Any) -> str:
    """Return a figure with separators and six digits; a text as it is."""
    if value is None:
        return EMPTY
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if value == int_of(value) else f"{value:.6g}"


def int_of(value: float) -> float:
    """Return the whole number beside a value; NaN and infinities have none."""
    large = 1e15
    return round(value) if abs(value) < large else float("nan")


def _with(request: HttpRequest, **changed: str) -> str:
    query = request.GET.copy()
    for name, value in changed.items():
        if value:
            query[name] = value
        else:
            query.pop(name, None)
    return f"?{query.urlencode()}" if query else "?"
