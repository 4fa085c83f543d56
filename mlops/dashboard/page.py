"""The admin's first page: what is served, learnt and stored, at a glance.

Every panel names the permission it needs; a person sees the panels of what that
person may see.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mlops.dashboard import figures
from mlops.dashboard.charts import NARROW, columns, lines, rows

HOURS = tuple(figures.STEPS_S)

Panel = Callable[[int], dict[str, Any]]


def add_panels(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the context of the admin's index (Unfold's DASHBOARD_CALLBACK)."""
    hours = _hours(request)
    for permission, panel in _PANELS:
        if request.user.has_perm(permission):
            context |= panel(hours)
    spans = [{"hours": span, "name": _span(span)} for span in HOURS]
    return context | {"spans": spans, "hours": hours}


def _hours(request: HttpRequest) -> int:
    requested = request.GET.get("hours", "")
    return int(requested) if requested in {str(hours) for hours in HOURS} else HOURS[0]


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
    }


def _lifecycle(_hours: int) -> dict[str, Any]:
    return {
        "runs": columns(
            _("Runs per day"),
            figures.runs_per_day(),
            note=_("No run yet"),
            width=NARROW,
        ),
        "drift": rows(figures.drift_by_severity()),
    }


def _datasets(_hours: int) -> dict[str, Any]:
    series = figures.stored_rows()
    note = _("No dataset yet")
    return {"stored": lines(_("Rows stored"), series, note=note, width=NARROW)}


_PANELS: tuple[tuple[str, Panel], ...] = (
    ("deployments.view_deployment", _deployments),
    ("lifecycle.view_run", _lifecycle),
    ("datasets.view_dataset", _datasets),
)
