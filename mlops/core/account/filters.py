"""How the audit trail can be searched."""

from typing import cast

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from mlops.core.models import AuditEntry


def _time(lookup: str) -> django_filters.IsoDateTimeFilter:
    """Return a filter of RFC 3339 times; an empty one filters nothing."""
    made = django_filters.IsoDateTimeFilter("at", lookup, help_text="RFC 3339.")
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
