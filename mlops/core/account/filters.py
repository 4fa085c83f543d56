"""How the audit trail can be searched."""

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field

from mlops.core import audit
from mlops.core.filters import TimeFilter
from mlops.core.models import AuditEntry, Via
from mlops.core.queries import whole_number

MAX_ID = 2**53


class _EntryId(forms.CharField):
    """The id of an entry, or 0: behind it are all of them."""

    def clean(self, value: Any) -> int | None:
        if value is None:
            return None
        number = whole_number(value, least=0, most=MAX_ID)
        if number is None:
            raise ValidationError(f"Give a whole number up to {MAX_ID}.")
        return number


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_ID})
class _BehindFilter(django_filters.Filter):
    field_class = _EntryId


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
    date_from = TimeFilter("at", "gte")
    date_to = TimeFilter("at", "lte")

    def behind(
        self, entries: QuerySet[AuditEntry], _name: str, value: int
    ) -> QuerySet[AuditEntry]:
        """Return the entries behind an id, as far as no other can come between."""
        return audit.settled(entries.filter(pk__gt=value)).order_by("pk")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()
