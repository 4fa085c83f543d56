"""What the search of the admin finds: what people work on, by name or by id.

Rows behind the pages (events, points, slots) are found on their own lists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, Model, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult

from datasets.models import Dataset, DatasetVersion, Feature
from deployments.models import Deployment
from lifecycle.models import Experiment, ModelVersion, RegisteredModel, Run
from mlops.core.admin.base import address_of
from mlops.core.admin.work import work_response
from mlops.core.ids import as_uuid
from mlops.dashboard.site import NAVIGATION

WIDE = "unfold/helpers/command_results.html"
NARROW = "unfold/helpers/search_results.html"
SHOWN = 8
"""Most of a kind; their list finds the others."""


@dataclass(frozen=True, slots=True)
class SearchedKind:
    """What is searched: rows, the words that find one, and those that name it."""

    rows: Callable[[], QuerySet[Any]]
    condition: Callable[[str], Q]
    name: Callable[[str], Q]
    title: Promise
    icon: str


def _version(term: str) -> Q:
    """Match `name version` and either of the two."""
    model, _blank, label = term.replace(":", " ").rpartition(" ")
    either = Q(model__name__icontains=term) | Q(version__iexact=term)
    if model:
        both = Q(model__name__icontains=model) & Q(version__istartswith=label)
        return either | both
    return either


def _named_version(term: str) -> Q:
    model, _blank, label = term.replace(":", " ").rpartition(" ")
    return Q(model__name__iexact=model, version__iexact=label)


KINDS = (
    SearchedKind(
        lambda: RegisteredModel.objects.without_prompts().order_by("name"),
        lambda term: Q(name__icontains=term),
        lambda term: Q(name__iexact=term),
        _("model"),
        "deployed_code",
    ),
    SearchedKind(
        lambda: (
            ModelVersion.objects.without_prompts()
            .select_related("model")
            .order_by("-created_at")
        ),
        _version,
        _named_version,
        _("model version"),
        "verified",
    ),
    SearchedKind(
        lambda: Run.objects.alive_among_all().order_by("-pk"),
        lambda term: Q(name__icontains=term) | Q(uid__istartswith=term),
        lambda term: Q(name__iexact=term) | Q(uid=term),
        _("run"),
        "play_circle",
    ),
    SearchedKind(
        lambda: Experiment.objects.filter(deleted_at=None).order_by("name"),
        lambda term: Q(name__icontains=term),
        lambda term: Q(name__iexact=term),
        _("experiment"),
        "science",
    ),
    SearchedKind(
        lambda: Dataset.objects.order_by("name"),
        lambda term: Q(name__icontains=term),
        lambda term: Q(name__iexact=term),
        _("dataset"),
        "table",
    ),
    SearchedKind(
        lambda: Deployment.objects.select_related(
            "slot__model", "model_version__model"
        ).order_by("-created_at"),
        lambda term: Q(slot__model__name__icontains=term),
        lambda term: Q(slot__model__name__iexact=term),
        _("deployment"),
        "rocket_launch",
    ),
    SearchedKind(
        lambda: Feature.objects.order_by("feature_name"),
        lambda term: Q(feature_name__icontains=term),
        lambda term: Q(feature_name__iexact=term),
        _("feature"),
        "function",
    ),
)
_BY_ID: tuple[type[Model], ...] = (Deployment, ModelVersion, Dataset, DatasetVersion)


def answer(request: HttpRequest) -> HttpResponse:
    """Answer the theme's search (key t): what is there now, never a kept answer."""
    term = request.GET.get("s", "").strip()
    if not term:
        return HttpResponse()
    is_wide = "extended" in request.GET
    results = find(request, term) if is_wide else []
    results += pages_named(request, term)
    page = Paginator(results, max(len(results), 1)).page(1)
    context = {"results": page, "page_obj": page.paginator, "page_counter": 0}
    template = WIDE if is_wide else NARROW
    return TemplateResponse(
        request, template, context, headers={"HX-Trigger": "search"}
    )


def found(request: HttpRequest) -> HttpResponse:
    """Answer the search of the pages of work, which run no script of the theme.

    With `part` it is the list alone, for below the field in which one types.
    """
    term = request.GET.get("q", "").strip()
    results = find(request, term) + pages_named(request, term) if term else []
    context = {"title": _("Search"), "term": term, "results": results}
    if "part" in request.GET:
        answer = TemplateResponse(request, "dashboard/found_list.html", context)
        answer["Cache-Control"] = "private, no-cache"
        return answer
    return work_response(request, "dashboard/found.html", context)


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return what is named so, as far as the person may see it, kind by kind.

    What has exactly this name comes first of its kind.
    """
    found = []
    pk = as_uuid(term)
    for kind in KINDS:
        rows = kind.rows()
        if not _may_view(request, rows.model):
            continue
        condition = kind.condition(term)
        if pk and rows.model in _BY_ID:
            condition = Q(pk=pk)
        found += [
            SearchResult(
                title=str(row),
                description=str(kind.title),
                link=address_of(row),
                icon=kind.icon,
            )
            for row in _named_first(rows, kind.name(term)).filter(condition)[:SHOWN]
        ]
    return found


def _named_first(rows: QuerySet[Any], named: Q) -> QuerySet[Any]:
    order = Case(When(named, then=Value(0)), default=Value(1))
    return rows.order_by(order, *rows.query.order_by)


def pages_named(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return the pages of the navigation whose title has the term."""
    return [
        SearchResult(
            title=str(item["title"]),
            description=str(group.get("title", "")),
            link=str(item["link"]),
            icon=item["icon"],
        )
        for group in NAVIGATION
        for item in group["items"]
        if term.lower() in str(item["title"]).lower()
        and item.get("permission", lambda _request: True)(request)
    ]


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    meta = model._meta  # noqa: SLF001 - Django's public name
    permission = f"{meta.app_label}.view_{meta.model_name}"
    return bool(request.user.has_perm(permission))
