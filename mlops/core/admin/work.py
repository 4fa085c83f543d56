"""Pages of work: what one does with a row, beside the record of its fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from mlops.core.admin.base import ROWS, AdminPage
from mlops.core.headers import content_policy


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the pages of a row, as the bar above them names it."""

    title: str | Promise
    url: str
    active: bool = False


def work_response(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    connect: Iterable[str] = (),
) -> TemplateResponse:
    """Return a page on `admin/work_page.html`, which runs scripts from files alone.

    `connect` are the other origins that its scripts call.
    """
    everywhere = admin.site.each_context(request)
    page = TemplateResponse(request, template, {**everywhere, **context})
    page["Content-Security-Policy"] = content_policy(connect=connect)
    page["Cache-Control"] = "private, no-cache"
    return page


def page_url(row: Model, name: str = "work") -> str:
    """Return the address of one of a row's pages."""
    meta = row._meta  # noqa: SLF001 - Django's public name
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])


class _RowsAtWork(ChangeList):
    """A list whose rows lead to their pages of work."""

    def url_for_result(self, result: Model) -> str:
        return page_url(result)


class WorkPage(AdminPage):
    """Gives each row a page of work at `<pk>/work/`; its form is the tab "Record"."""

    list_per_page = ROWS
    work_template: ClassVar[str] = "admin/work_page.html"
    work_title: ClassVar[str | Promise] = _("Work")
    change_form_outer_before_template = "admin/work_tabs.html"

    def work_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the template shows of the row beside `object` and `tabs`."""
        return {}

    def work_connects(self, request: HttpRequest, obj: Any) -> Iterable[str]:
        """Return the other origins that the page's scripts call."""
        return ()

    def work_tabs(self, request: HttpRequest, obj: Any) -> list[Tab]:
        """Return the row's pages; the one that is asked for is active."""
        pages = ((self.work_title, "work"), (_("Record"), "change"))
        return [self.tab(request, obj, title, name) for title, name in pages]

    def tab(
        self, request: HttpRequest, obj: Model, title: str | Promise, name: str
    ) -> Tab:
        """Return a tab for the row's page of this name."""
        url = page_url(obj, name)
        return Tab(title, url, active=request.path == url)

    def get_urls(self) -> list[URLPattern]:
        work = self.work_url("work", self.work_view)
        return [work, *super().get_urls()]

    def work_url(
        self, name: str, view: Callable[..., Any], route: str = ""
    ) -> URLPattern:
        """Return the address of one of a row's pages, `<pk>/<name>/` if not given."""
        address: URLPattern = path(
            f"<path:object_id>/{route or name}/",
            self.admin_site.admin_view(view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_{name}",
        )
        return address

    def work_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with the page of work."""
        row = self.viewed(request, object_id)
        context = self.work_context(request, row)
        return self.work_answer(request, row, self.work_template, context)

    def work_answer(
        self,
        request: HttpRequest,
        obj: Model,
        template: str,
        context: Mapping[str, Any],
    ) -> TemplateResponse:
        """Return one of a row's pages, with its tabs and the way back to the list."""
        meta = self.opts
        given = {
            "object": obj,
            "original": obj,
            "opts": meta,
            "title": str(obj),
            "tabs": self.work_tabs(request, obj),
            "list_title": meta.verbose_name_plural,
            "list_url": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
            **context,
        }
        connect = self.work_connects(request, obj)
        return work_response(request, template, given, connect=connect)

    def viewed(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row. Raises Http404, and PermissionDenied who may not see it."""
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        return row

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return _RowsAtWork

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **options: Any
    ) -> Any:
        row = options.get("obj")
        context["tabs"] = self.work_tabs(request, row) if row else []
        return super().render_change_form(request, context, *args, **options)
