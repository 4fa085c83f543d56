"""The audit trail: model verbs call `record` inside their own transaction."""

from typing import Any

from django.db.models import Model

from mlops.core.context import current
from mlops.core.models import AuditEntry, User


def record(
    action: str,
    target: Model,
    *,
    by: User | None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Append one entry. `changes` maps a field to its new value or [old, new].

    Secrets and file contents never go in. Telemetry (metric points, traffic) is
    not recorded here: it has its own tables.
    """
    context = current.get()
    AuditEntry.objects.create(
        actor=by,
        action=action,
        object_type=target._meta.label_lower,  # noqa: SLF001 - Django's public name
        object_id=str(target.pk),
        object_name=str(target)[:500],
        changes=changes or {},
        request_id=context.request_id,
        remote_address=context.remote_address,
    )
