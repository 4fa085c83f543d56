"""Filters and sorting from the query string; what is not declared is a 400."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import (
    CharFilter,
    ChoiceFilter,
    Filter,
    FilterSet,
    MultipleChoiceFilter,
)
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from mlops.core import rfc3339
from mlops.core.errors import BadQuery
from mlops.core.pagination import PARAMETERS
from mlops.core.queries import single

SORTING = ("sort_by", "sort_order")
ORDERS = ["asc", "desc"]


class QueryFilterBackend(BaseFilterBackend):
    """Applies the view's `filterset_class` and its `sort_fields`.

    `sort_fields` maps what a client may name in `sort_by` to an ORM ordering path;
    ties are broken by the model's primary key, so that pages never overlap.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        self._refuse_unknown(request, view)
        return self._sorted(request, self._filtered(request, queryset, view), view)

    def _refuse_unknown(self, request: Request, view: Any) -> None:
        filterset = getattr(view, "filterset_class", None)
        known = {*PARAMETERS, *SORTING, *getattr(view, "query_parameters", ())}
        if filterset is not None:
            known |= set(filterset.base_filters)
        for name in request.query_params:
            if name not in known:
                raise BadQuery(f"There is no query parameter {name!r}.", field=name)
            if not _is_many(filterset, name):
                single(request, name)

    def _filtered(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        filterset_class: type[FilterSet] | None = getattr(view, "filterset_class", None)
        if filterset_class is None:
            return queryset
        filterset = filterset_class(
            request.query_params, queryset=queryset, request=request
        )
        _refuse_unknown_words(request, filterset)
        for field, messages in filterset.errors.items():
            raise BadQuery(str(messages[0]), field=field)
        filtered: QuerySet[Any] = filterset.qs
        return filtered

    def _sorted(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        order = request.query_params.get("sort_order", "desc")
        if order not in ORDERS:
            raise BadQuery("sort_order must be asc or desc.", field="sort_order")
        fields: dict[str, str] = getattr(view, "sort_fields", {})
        name = request.query_params.get("sort_by")
        if name is None:
            return queryset
        if name not in fields:
            allowed = ", ".join(sorted(fields))
            raise BadQuery(f"sort_by must be one of: {allowed}.", field="sort_by")
        sign = "-" if order == "desc" else ""
        return queryset.order_by(f"{sign}{fields[name]}", f"{sign}pk")


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^({rfc3339.DATE}|{rfc3339.TIME})?$",
        "description": "RFC 3339 date, or time with a zone, included; a date means the "
        "whole day (UTC).",
    }
)
class DayOrTimeFilter(CharFilter):
    """A day, or a time with a zone, for the filter's method; an empty one is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)


class _TimeField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        found = rfc3339.asked(text) if text else None
        if text and found is None:
            raise ValidationError("Give an RFC 3339 time with a zone.", code="invalid")
        return found


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^({rfc3339.TIME})?$",
        "description": "RFC 3339 time with a zone, included.",
    }
)
class TimeFilter(Filter):
    """A time with a zone; an empty one filters nothing."""

    field_class = _TimeField

    def __init__(self, field_name: str, lookup: str) -> None:
        super().__init__(field_name, lookup, strip=False)


def _is_many(filterset: type[FilterSet] | None, name: str) -> bool:
    declared = filterset.base_filters.get(name) if filterset is not None else None
    return isinstance(declared, MultipleChoiceFilter)


def _refuse_unknown_words(request: Request, filterset: FilterSet) -> None:
    for name, chosen in filterset.base_filters.items():
        if not isinstance(chosen, ChoiceFilter | MultipleChoiceFilter):
            continue
        words = [str(word) for word, _label in chosen.extra["choices"]]
        if not set(request.query_params.getlist(name)) <= set(words):
            allowed = ", ".join(words)
            raise BadQuery(f"{name} must be one of: {allowed}.", field=name)
