"""One audit entry by plain SQL, for the hot writes that leave a trail."""

import orjson
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from mlops.core.context import current

_INSERT = """
    INSERT INTO core_auditentry (at, actor_id, action, object_type, object_id,
        object_name, changes, request_id, remote_address)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def note(
    cursor: CursorWrapper,
    action: str,
    target: tuple[str, str, str],
    *,
    by: int | None,
    changes: dict[str, object],
) -> None:
    """Append what `mlops.core.audit.record` would; `target` is (type, id, name)."""
    context = current.get()
    kind, pk, name = target
    cursor.execute(
        _INSERT,
        (
            connection.ops.adapt_datetimefield_value(timezone.now()),
            by,
            action,
            kind,
            pk,
            name[:500],
            orjson.dumps(changes).decode(),
            context.request_id,
            context.remote_address,
        ),
    )
