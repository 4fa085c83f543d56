"""The pages of work of a dataset: its rows, SQL, quality, drift, correlation, versions.

What they show comes from the public API, asked by their scripts; a page's own query
string has the API's words, so that an address says what is seen.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from datasets.errors import VersionNotFound
from datasets.models import Dataset, DatasetVersion
from datasets.states import VersionState
from mlops.core.admin.work import Tab, WorkPage, page_url, work_response
from mlops.core.errors import DomainError

API = "/api/v1/features"
MOST_VERSIONS = 500
NOBODY = "00000000-0000-0000-0000-000000000000"
"""Stands in an address for the id of a dataset that is still to be made."""
PAGES: dict[str, str | Promise] = {
    "sql": _("SQL"),
    "quality": _("Quality"),
    "drift": _("Drift"),
    "correlation": _("Correlation"),
    "versions": _("Versions compared"),
    "upload": _("Upload"),
}
OPERATORS: tuple[tuple[str, str | Promise], ...] = (
    ("eq", "="),
    ("ne", "≠"),
    ("lt", "<"),
    ("le", "≤"),
    ("gt", ">"),
    ("ge", "≥"),
    ("between", _("between")),
    ("in", _("one of")),
    ("not_in", _("none of")),
    ("contains", _("contains")),
    ("starts_with", _("starts with")),
    ("ends_with", _("ends with")),
    ("is_null", _("is missing")),
    ("not_null", _("is not missing")),
)


class DatasetWork(WorkPage):
    """Rows first; a tab for each question to them; the form is the tab "Record"."""

    work_template = "datasets/rows.html"
    work_title: ClassVar[str | Promise] = _("Rows")

    def work_context(self, request: HttpRequest, obj: Dataset) -> dict[str, Any]:
        return {**about(request, obj), "operators": OPERATORS}

    def work_tabs(self, request: HttpRequest, obj: Any) -> list[Tab]:
        pages = [(self.work_title, "work"), *((t, n) for n, t in PAGES.items())]
        if not self.has_change_permission(request, obj):
            pages.remove((PAGES["upload"], "upload"))
        return [
            self.tab(request, obj, title, name)
            for title, name in [*pages, (_("Record"), "change")]
        ]

    def tab(
        self, request: HttpRequest, obj: Model, title: str | Promise, name: str
    ) -> Tab:
        """Return a tab that keeps to the version that is looked at."""
        tab = super().tab(request, obj, title, name)
        label = request.GET.get("version")
        if not label or name in {"change", "upload"}:
            return tab
        return Tab(tab.title, f"{tab.url}?{urlencode({'version': label})}", tab.active)

    def get_urls(self) -> list[URLPattern]:
        pages = [self.work_url(name, self._page(name)) for name in PAGES]
        new = path(
            "upload/",
            self.admin_site.admin_view(self.new_view),
            name="datasets_dataset_new",
        )
        return [new, *pages, *super().get_urls()]

    def _page(self, name: str) -> Callable[..., TemplateResponse]:
        return partial(self.tab_view, name=name)

    def tab_view(
        self, request: HttpRequest, object_id: str, *, name: str
    ) -> TemplateResponse:
        """Answer with one of the other tabs."""
        dataset = self.viewed(request, object_id)
        context = {
            **about(request, dataset),
            "uploads": f"{API}/uploads",
            "target": f"{API}/datasets/{dataset.pk}",
            "page": page_url(dataset),
        }
        return self.work_answer(request, dataset, f"datasets/{name}.html", context)

    def new_view(self, request: HttpRequest) -> TemplateResponse:
        """Answer with the page where a dataset is made of files."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        meta = self.opts
        context = {
            "opts": meta,
            "title": _("Upload a dataset"),
            "list_title": meta.verbose_name_plural,
            "list_url": reverse("admin:datasets_dataset_changelist"),
            "uploads": f"{API}/uploads",
            "target": f"{API}/datasets",
            "page": reverse("admin:datasets_dataset_work", args=[NOBODY]),
        }
        return work_response(request, "datasets/upload.html", context)


def about(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    """Return what every tab shows: the versions, the chosen one and its columns."""
    versions = list(dataset.versions.order_by("-number")[:MOST_VERSIONS])
    version, problem = _chosen(request, dataset)
    columns = version.columns.values_list("name", "data_type") if version else []
    return {
        "api": f"{API}/datasets/{dataset.pk}",
        "choices": [_choice(one) for one in versions],
        "version": version,
        "version_problem": problem,
        "number": str(version.number) if version else "",
        "is_read": version is not None and version.state == VersionState.PROCESSING,
        "column_list": [{"name": name, "type": kind} for name, kind in columns],
        "may_change": request.user.has_perm("datasets.change_dataset"),
        "may_check": request.user.has_perm("datasets.add_qualityrun"),
        "may_rule": request.user.has_perm("datasets.add_qualityrule"),
    }


def _choice(version: DatasetVersion) -> dict[str, Any]:
    """Return how a version is called in a list to choose from."""
    state = _("purged") if version.purged_at else version.get_state_display()
    rows = f" · {version.row_count:,}" if version.row_count else ""
    return {
        "number": str(version.number),
        "text": f"v{version.number} · {state}{rows}",
        "is_readable": version.is_readable,
    }


def _chosen(
    request: HttpRequest, dataset: Dataset
) -> tuple[DatasetVersion | None, str]:
    """Return the version that is asked for, and why there is none."""
    label = request.GET.get("version", "latest")
    try:
        if label == "latest":
            return dataset.shown_version, ""
        return dataset.versions.of_label(label), ""
    except VersionNotFound as error:
        raise Http404 from error
    except DomainError as error:
        return None, error.message
