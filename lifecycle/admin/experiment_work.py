"""An experiment's page of work: its runs as a table, and some of them compared."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from lifecycle.admin.run_comparison import (
    as_csv,
    compared,
    comparison_context,
    picked,
)
from lifecycle.admin.run_table import run_table
from lifecycle.models import Experiment
from mlops.core.admin.work import Tab, WorkPage, page_url


class ExperimentWork(WorkPage):
    work_template = "lifecycle/experiment_work.html"
    work_title = _("Runs")

    def work_context(self, request: HttpRequest, obj: Experiment) -> dict[str, Any]:
        return {
            **run_table(request, obj),
            "compare_url": page_url(obj, "compare"),
        }

    def work_tabs(self, request: HttpRequest, obj: Experiment) -> list[Tab]:
        runs, record = super().work_tabs(request, obj)
        return [runs, self.tab(request, obj, _("Compare"), "compare"), record]

    def get_urls(self) -> list[URLPattern]:
        return [self.work_url("compare", self.compare_view), *super().get_urls()]

    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the runs that the address names beside each other, or as CSV."""
        experiment = self.viewed(request, object_id)
        runs, absent = picked(request, experiment)
        rows = compared(runs)
        if request.GET.get("download") == "csv":
            return as_csv(runs, rows)
        context = {**comparison_context(runs, rows), "absent": absent}
        return self.work_answer(request, experiment, "lifecycle/compare.html", context)
