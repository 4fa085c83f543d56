"""What the lists of datasets and features may be narrowed by."""

from typing import Any, ClassVar

import django_filters
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from datasets.models import Dataset, Feature
from datasets.states import (
    UNBOUND,
    BindingState,
    FeatureStatus,
    FeatureType,
    VersionState,
)


class TagsFilter(django_filters.CharFilter):
    """Rows that have all of the comma-separated tags."""

    def filter(self, queryset: QuerySet[Any], value: str | None) -> QuerySet[Any]:
        for tag in (value or "").split(","):
            if tag := tag.strip():
                queryset = _tagged(queryset, tag)
        return queryset


def _tagged(queryset: QuerySet[Any], tag: str) -> QuerySet[Any]:
    if connection.vendor == "postgresql":
        return queryset.filter(tags__contains=[tag])
    # SQLite has no containment: look for the tag as JSON writes it, quotes included.
    text = queryset.model._meta.get_field("tags").get_prep_value([tag])  # noqa: SLF001
    written = str(text)[1:-1] if isinstance(text, str) else f'"{tag}"'
    texts: QuerySet[Any] = queryset.alias(tags_text=Cast("tags", TextField()))
    return texts.filter(tags_text__contains=written)


class FeatureFilter(django_filters.FilterSet):
    owner = django_filters.CharFilter(field_name="owner__username")
    feature_type = django_filters.ChoiceFilter(choices=FeatureType.choices)
    status = django_filters.ChoiceFilter(choices=FeatureStatus.choices)
    tags = TagsFilter(help_text="Comma-separated; all of them.")
    search = django_filters.CharFilter(method="searched", help_text="Name or text.")
    dataset = django_filters.CharFilter(
        field_name="binding__dataset__name", help_text="Features bound to this one."
    )
    binding_state = django_filters.ChoiceFilter(
        method="in_state", choices=[*BindingState.choices, (UNBOUND, UNBOUND)]
    )

    class Meta:
        model = Feature
        fields: ClassVar[list[str]] = []

    def in_state(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == UNBOUND:
            return queryset.filter(binding=None)
        return queryset.filter(binding__state=value)

    def searched(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = queryset.searched(value)  # type: ignore[attr-defined]  # FeatureQuerySet
        return found


class DatasetFilter(django_filters.FilterSet):
    owner = django_filters.CharFilter(field_name="owner__username")
    state = django_filters.ChoiceFilter(
        field_name="newest_version__state", choices=VersionState.choices
    )
    tags = TagsFilter(help_text="Comma-separated; all of them.")
    search = django_filters.CharFilter(method="searched", help_text="Name or text.")
    feature = django_filters.CharFilter(
        field_name="current_version__columns__name",
        help_text="Datasets whose current version has this column.",
    )

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = []

    def searched(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = queryset.searched(value)  # type: ignore[attr-defined]  # DatasetQuerySet
        return found
