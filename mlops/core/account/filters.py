"""How the audit trail can be searched."""

import django_filters

from mlops.core.models import AuditEntry


class AuditFilter(django_filters.FilterSet):
    actor = django_filters.CharFilter("actor__username", help_text="User name.")
    action = django_filters.CharFilter("action")
    object_type = django_filters.CharFilter("object_type")
    object_id = django_filters.CharFilter("object_id")
    request_id = django_filters.CharFilter("request_id")
    date_from = django_filters.IsoDateTimeFilter("at", "gte")
    date_to = django_filters.IsoDateTimeFilter("at", "lte")

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()
