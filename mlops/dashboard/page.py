"""The admin's first page: what serves and how it is, what waits, what happened.

Every panel names the permission it needs; a person sees the panels of what that
person may see.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from mlops.core.admin.work import work_response
from mlops.core.errors import BadQuery
from mlops.dashboard import figures, news
from mlops.dashboard.charts import NARROW, columns, lines, rows

HOURS = tuple(figures.STEPS_S)

Panel = Callable[[int], dict[str, Any]]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Answer with the panels that the person may see, over the period asked for."""
    hours = _hours(request)
    spans = [{"hours": span, "name": _span(span)} for span in HOURS]
    context: dict[str, Any] = {"title": _("Home"), "spans": spans, "hours": hours}
    for permission, panel in _PANELS:
        if request.user.has_perm(permission):
            context |= panel(hours)
    return work_response(request, "dashboard/home.html", context)


@require_safe
def tables(request: HttpRequest) -> HttpResponse:
    """Answer with the lists of all tables that the person may see."""
    listed = admin.site.get_app_list(request)
    context = {"title": _("All tables"), "tables_of": listed}
    return work_response(request, "dashboard/tables.html", context)


def _hours(request: HttpRequest) -> int:
    requested = request.GET.get("hours", "")
    if not requested:
        return HOURS[0]
    if requested not in {str(hours) for hours in HOURS}:
        raise BadQuery(_("The page shows no span of so many hours."), field="hours")
    return int(requested)


def _span(hours: int) -> str:
    days = hours // 24
    if days > 1:
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def _deployments(hours: int) -> dict[str, Any]:
    requests, latencies = figures.traffic(hours)
    return {
        "traffic": columns(_("Requests"), requests, note=_("No request yet")),
        "latency": lines(
            _("Latency (ms)"), latencies, note=_("No request, no latency")
        ),
        "statuses": rows(figures.deployments_by_status()),
        "serving": figures.serving_now(),
        "deploying": news.deploying(),
        "failed_deployments": news.failed_deployments(),
    }


def _lifecycle(_hours: int) -> dict[str, Any]:
    return {
        "runs": columns(
            _("Runs per day"),
            figures.runs_per_day(),
            note=_("No run yet"),
            width=NARROW,
        ),
        "drift": news.drift(),
        "approvals": news.approvals_waiting(),
    }


def _datasets(_hours: int) -> dict[str, Any]:
    series = figures.stored_rows()
    note = _("No dataset yet")
    return {
        "stored": lines(_("Rows stored"), series, note=note, width=NARROW),
        "readings": news.readings(),
        "failed_readings": news.failed_readings(),
        "failed_checks": news.failed_checks(),
    }


def _trail(_hours: int) -> dict[str, Any]:
    return {"done": news.done()}


def _moves(_hours: int) -> dict[str, Any]:
    return {"moves": news.moves()}


_PANELS: tuple[tuple[str, Panel], ...] = (
    ("deployments.view_deployment", _deployments),
    ("lifecycle.view_run", _lifecycle),
    ("datasets.view_dataset", _datasets),
    ("deployments.view_deploymentevent", _moves),
    ("core.view_auditentry", _trail),
)
