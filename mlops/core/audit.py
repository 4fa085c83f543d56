"""The audit trail: what writes calls `record` or `note` inside its own transaction.

`note` is the one statement that appends to the trail; `record` calls it for a model's
row. An entry names another thing by a `reference`, so that a search of the trail by id
or by name finds the same entries whoever wrote them.

The trail can be followed by its ids. PostgreSQL gives ids out before their transactions
commit, and in another order than they commit in: an entry may come to light behind one
that was read already. So each transaction that writes holds an advisory lock that says
behind which id its own are, and `settled` reads no further than the first of them.
SQLite has one writer at a time.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone

from mlops.core.context import current
from mlops.core.models import AuditEntry, User

Target = tuple[str, str, str]
"""Kind ("lifecycle.run"), id and name of what was changed."""

TRAIL = "core.auditentry", "trail", "audit trail"
"""What an entry is about that says which others were let go."""
_MAX_NAME = 500
_BATCH = 1000
_WRITERS = 0x6D6C_6F71
_INSERT = """
    INSERT INTO core_auditentry (at, actor_id, action, object_type, object_id,
        object_name, changes, request_id, remote_address, via, number)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1"""
_COUNTING_ON = """ + coalesce(
        (SELECT max(number) FROM core_auditentry
            WHERE object_type = %s AND object_id = %s),
        (SELECT count(*) FROM core_auditentry
            WHERE object_type = %s AND object_id = %s))"""
# Two who write of one object wait for each other, or both had the same number. The
# setting ends with the transaction, or with the savepoint that lets go of its lock.
_ENTER = """
    SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)), (
        SELECT pg_advisory_xact_lock_shared(%s, (given & 2147483647)::int)
        FROM (SELECT last_value - (NOT is_called)::int AS given,
                set_config('mlops.writes', 'yes', true)
            FROM core_auditentry_id_seq
            WHERE coalesce(current_setting('mlops.writes', true), '') = '') AS ids)
"""
_GIVEN = "SELECT last_value - (NOT is_called)::int FROM core_auditentry_id_seq"
_AT_WORK = """
    SELECT max((%s - objid::bigint) & 2147483647) FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2
        AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
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
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        note(cursor, action, named, by=by.pk if by else None, changes=changes)


def note_failed_sign_in(user: User | None, reason: str) -> None:
    """Append that somebody tried to sign in.

    Where there is no account, what was typed is not kept: it may be a password.
    """
    meant = ("core.user", str(user.pk), str(user)) if user else ("core.user", "", "")
    with transaction.atomic(), connection.cursor() as cursor:
        note(cursor, "sign_in_failed", meant, by=None, changes={"reason": reason})


def note(
    cursor: CursorWrapper,
    action: str,
    target: Target,
    *,
    by: int | None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append one entry, in a transaction.

    `changes` maps a field to its new value or [old, new]. Secrets and file contents
    never go in. Telemetry (metric points, traffic) is not recorded here: it has its
    own tables.
    """
    values = _values(cursor, action, target, by, changes)
    cursor.execute(f"{_INSERT}{_COUNTING_ON})", (*values, *target[:2], *target[:2]))


def note_first(
    cursor: CursorWrapper,
    action: str,
    target: Target,
    *,
    by: int | None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Append the first entry of what this transaction made; `changes` as in `note`."""
    cursor.execute(f"{_INSERT})", _values(cursor, action, target, by, changes))


def _values(
    cursor: CursorWrapper,
    action: str,
    target: Target,
    by: int | None,
    changes: Mapping[str, Any] | None,
) -> tuple[str | int | None, ...]:
    """Return what an entry holds; on PostgreSQL, have others wait for it."""
    context = current.get()
    kind, pk, name = target
    said = {"reason": context.reason} if context.reason else {}
    if connection.vendor == "postgresql":
        cursor.execute(_ENTER, [f"{kind} {pk}", _WRITERS])
    return (
        connection.ops.adapt_datetimefield_value(timezone.now()),
        by,
        action,
        kind,
        pk,
        name[:_MAX_NAME],
        json.dumps({**said, **(changes or {})}),
        context.request_id,
        context.remote_address,
        context.via,
    )


def settled(entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    """Return those of the entries before which none comes to light any more."""
    if connection.vendor != "postgresql":
        return entries
    return entries.filter(pk__lte=horizon())


def horizon() -> int:
    """Return the id up to which no entry comes to light any more, 0 of an empty trail.

    Entries of the transaction that asks may lie on either side of it.
    """
    if connection.vendor != "postgresql":
        newest = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)
        return newest.first() or 0
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN)
        (given,) = cursor.fetchone()
        cursor.execute(_AT_WORK, [given, _WRITERS])
        (behind,) = cursor.fetchone()
    return int(given) - (behind or 0)


def prune() -> int:
    """Delete entries older than MLOPS_AUDIT_DAYS; return how many.

    Of each object the newest one stays: its number counts on, and who deleted it is
    known. An entry about the trail itself says up to which id others were let go,
    without which the database refuses.
    """
    old = _prunable()
    if not settings.AUDIT_DAYS or not old.exists():
        return 0
    up_to = old.order_by("-pk").values_list("pk", flat=True)[0]
    with transaction.atomic(), connection.cursor() as cursor:
        changes = {"up_to": up_to, "days": settings.AUDIT_DAYS}
        note(cursor, "prune", TRAIL, by=None, changes=changes)
    last = count = 0
    while found := list(
        old.filter(pk__gt=last, pk__lte=up_to)
        .order_by("pk")
        .values_list("pk", flat=True)[:_BATCH]
    ):
        with connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(found))
            statement = f"DELETE FROM core_auditentry WHERE id IN ({marks})"  # noqa: S608 - marks
            cursor.execute(statement, found)
        last, count = found[-1], count + len(found)
    return count


def _prunable() -> QuerySet[AuditEntry]:
    newer = AuditEntry.objects.filter(
        object_type=OuterRef("object_type"),
        object_id=OuterRef("object_id"),
        pk__gt=OuterRef("pk"),
    )
    before = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    return AuditEntry.objects.filter(Exists(newer), at__lt=before)


def reference(pk: int | str, name: str) -> dict[str, int | str]:
    """Return how the changes of an entry name another thing: by id and name."""
    return {"id": pk, "name": name}
