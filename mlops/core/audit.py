"""The audit trail: what writes calls `record` or `note` inside its own transaction.

`note` is the one statement that appends to the trail; `record` calls it for a model's
row. An entry names another thing by a `reference`, so that a search of the trail by id
or by name finds the same entries whoever wrote them.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from django.utils import timezone

from mlops.core.context import current
from mlops.core.models import User

Target = tuple[str, str, str]
"""Kind ("lifecycle.run"), id and name of what was changed."""

_MAX_NAME = 500
_INSERT = """
    INSERT INTO core_auditentry (at, actor_id, action, object_type, object_id,
        object_name, changes, request_id, remote_address)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def record(
    action: str,
    target: Model,
    *,
    by: User | None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append one entry about a row; `changes` as in `note`."""
    kind = target._meta.label_lower  # noqa: SLF001 - Django's public name
    named = (kind, str(target.pk), str(target))
    with connection.cursor() as cursor:
        note(cursor, action, named, by=by.pk if by else None, changes=changes)


def note(
    cursor: CursorWrapper,
    action: str,
    target: Target,
    *,
    by: int | None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append one entry. `changes` maps a field to its new value or [old, new].

    Secrets and file contents never go in. Telemetry (metric points, traffic) is
    not recorded here: it has its own tables.
    """
    context = current.get()
    kind, pk, name = target
    said = {"reason": context.reason} if context.reason else {}
    cursor.execute(
        _INSERT,
        (
            connection.ops.adapt_datetimefield_value(timezone.now()),
            by,
            action,
            kind,
            pk,
            name[:_MAX_NAME],
            json.dumps({**said, **(changes or {})}),
            context.request_id,
            context.remote_address,
        ),
    )


def reference(pk: int | str, name: str) -> dict[str, int | str]:
    """Return how the changes of an entry name another thing: by id and name."""
    return {"id": pk, "name": name}
