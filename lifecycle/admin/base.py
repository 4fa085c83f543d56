"""What the pages share: tables, forms that call one verb, links to the API's files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from lifecycle.addresses import address
from lifecycle.models import Artifact
from mlops.core.admin.base import (
    EMPTY,
    FORM_TEMPLATE,
    act,
    link_to,
    link_to_list,
    moment,
    staff,
)
from mlops.core.errors import DomainError

__all__ = [
    "EMPTY",
    "Task",
    "act",
    "change_url",
    "download_link",
    "link_to",
    "link_to_list",
    "moment",
    "serve_form",
    "staff",
    "table",
    "task_urls",
]


@dataclass(frozen=True, slots=True)
class Task:
    """A form's page: its form, its button and its verb.

    `run` gets the valid form and returns the row whose page comes next.
    """

    form: type[forms.Form]
    title: str
    button: str
    run: Callable[[Any], Model]


def serve_form(page: ModelAdmin, request: HttpRequest, task: Task) -> HttpResponse:
    """Show the form or do its task; a broken rule is shown beside its field."""
    form = task.form(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = task.run(form)
        except DomainError as error:
            field = error.field if error.field in form.fields else None
            form.add_error(field, error.message)
        else:
            return HttpResponseRedirect(change_url(done))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "form": form,
        "title": task.title,
        "button": task.button,
    }
    return TemplateResponse(request, FORM_TEMPLATE, context)


def task_urls(
    page: ModelAdmin, tasks: Mapping[str, Callable[..., HttpResponse]]
) -> list[URLPattern]:
    """Return the addresses of tasks' views below a row's page, each of its name."""
    meta = page.opts
    return [
        path(
            f"<path:pk>/{name}/",
            page.admin_site.admin_view(view),
            name=f"{meta.app_label}_{meta.model_name}_{name}",
        )
        for name, view in tasks.items()
    ]


def change_url(row: Model) -> str:
    meta = row._meta  # noqa: SLF001 - Django's public name
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def download_link(artifact: Artifact) -> SafeString | str:
    """Return a link to the bytes of a run's file; others have only their name."""
    if not artifact.is_stored or artifact.run is None:
        return artifact.uri or artifact.path
    url = address("runs", artifact.run.uid, "artifacts", artifact.path)
    return format_html('<a href="{}">{}</a>', url, artifact.path)


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> SafeString | str:
    """Return an HTML table, or a dash if there are no rows."""
    lines = [
        (format_html_join("", "<td class='p-2'>{}</td>", [(c,) for c in row]),)
        for row in rows
    ]
    if not lines:
        return EMPTY
    titles = format_html_join(
        "", "<th class='p-2 text-left'>{}</th>", [(h,) for h in head]
    )
    return format_html(
        '<div class="overflow-x-auto"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        titles,
        format_html_join("", "<tr>{}</tr>", lines),
    )
