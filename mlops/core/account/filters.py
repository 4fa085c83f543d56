"""How the audit trail can be searched."""

from datetime import UTC, datetime
from typing import Any, cast

import django_filters
from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from mlops.core.models import AuditEntry


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
    date_from = _time("gte")
    date_to = _time("lte")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()
