"""How the audit trail can be searched."""

from datetime import UTC, datetime
from typing import Any, cast

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from mlops.core import audit
from mlops.core.fields import MAX_WHOLE
from mlops.core.models import AuditEntry, Via


class _UtcField(IsoDateTimeField):
    """A time that is one in UTC too: the first and last days may not be."""

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError("Enter a valid date/time.", code="invalid") from None


class _UtcFilter(django_filters.IsoDateTimeFilter):
    field_class = _UtcField


class _EntryId(forms.IntegerField):
    """The id of an entry, or 0: behind it are all of them."""

    def __init__(self, **options: Any) -> None:
        bounds = {"min_value": 0, "max_value": MAX_WHOLE}
        super().__init__(**(options | bounds))

    def clean(self, value: Any) -> int | None:
        if value == "":
            raise ValidationError("Enter a whole number.", code="invalid")
        number: int | None = super().clean(value)
        return number


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_WHOLE})
class _BehindFilter(django_filters.Filter):
    field_class = _EntryId


def _time(lookup: str) -> django_filters.IsoDateTimeFilter:
    """Return a filter of RFC 3339 times; an empty one filters nothing."""
    made = _UtcFilter("at", lookup, help_text="RFC 3339.")
    return cast(
        "django_filters.IsoDateTimeFilter",
        extend_schema_field(OpenApiTypes.STR)(made),
    )


class AuditFilter(django_filters.FilterSet):
    actor = django_filters.CharFilter("actor__username", help_text="User name.")
    action = django_filters.CharFilter("action")
    object_type = django_filters.CharFilter("object_type")
    object_id = django_filters.CharFilter("object_id")
    request_id = django_filters.CharFilter("request_id")
    via = django_filters.ChoiceFilter(field_name="via", choices=Via.choices)
    after = _BehindFilter(
        method="behind",
        help_text="The id of an entry: those behind it follow, the oldest first. Who "
        "asks again with the last id that came misses none.",
    )
    date_from = _time("gte")
    date_to = _time("lte")

    def behind(
        self, entries: QuerySet[AuditEntry], _name: str, value: int
    ) -> QuerySet[AuditEntry]:
        """Return the entries behind an id, as far as no other can come between."""
        return audit.settled(entries.filter(pk__gt=value)).order_by("pk")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()
