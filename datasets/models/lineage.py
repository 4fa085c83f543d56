"""Who is computed from whom, answered by recursive SQL in one query each."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

EDGES = "datasets_feature_upstream"
DEEPEST = 100


class Reached(NamedTuple):
    """A feature that is reached from another one: its id, name, version, distance."""

    id: uuid.UUID
    feature_name: str
    version: str
    depth: int


# UNION (not ALL) keeps each (feature, distance) once, and the depth bound ends the
# walk even in a graph that somebody made cyclic behind our back.
_WALK = """
    WITH RECURSIVE reached(id, depth) AS (
        SELECT {far}, 1 FROM {edges} WHERE {near} IN ({places})
        UNION
        SELECT edge.{far}, reached.depth + 1
        FROM {edges} AS edge JOIN reached ON edge.{near} = reached.id
        WHERE reached.depth < {limit}
    )
    SELECT feature.id, feature.feature_name, feature.current_version,
           MIN(reached.depth)
    FROM reached JOIN datasets_feature AS feature ON feature.id = reached.id
    GROUP BY feature.id, feature.feature_name, feature.current_version
    ORDER BY 4, 2
"""


_ABOVE = """
    WITH RECURSIVE reached(id) AS (
        SELECT to_feature_id FROM {edges} WHERE from_feature_id IN ({places})
        UNION
        SELECT edge.to_feature_id
        FROM {edges} AS edge JOIN reached ON edge.from_feature_id = reached.id
    )
    SELECT id FROM reached
"""


def upstream(features: Iterable[uuid.UUID], *, depth: int = DEEPEST) -> list[Reached]:
    """Return what the features are computed from, nearest first, then by name."""
    return _walk(features, "from_feature_id", "to_feature_id", depth)


def downstream(features: Iterable[uuid.UUID], *, depth: int = DEEPEST) -> list[Reached]:
    """Return what is computed from the features, nearest first, then by name."""
    return _walk(features, "to_feature_id", "from_feature_id", depth)


def ancestors(features: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return what the features are computed from, however far away."""
    start = [_stored(feature) for feature in features]
    if not start:
        return set()
    sql = _ABOVE.format(edges=EDGES, places=", ".join(["%s"] * len(start)))
    with connection.cursor() as cursor:
        cursor.execute(sql, start)
        return {_loaded(row[0]) for row in cursor.fetchall()}


def _walk(
    features: Iterable[uuid.UUID], near: str, far: str, depth: int
) -> list[Reached]:
    start = [_stored(feature) for feature in features]
    if not start:
        return []
    places = ", ".join(["%s"] * len(start))
    sql = _WALK.format(edges=EDGES, near=near, far=far, places=places, limit=int(depth))
    with connection.cursor() as cursor:
        cursor.execute(sql, start)
        return [
            Reached(_loaded(row[0]), row[1], row[2], row[3])
            for row in cursor.fetchall()
        ]


def _stored(value: uuid.UUID) -> str | uuid.UUID:
    """Return an id as the database keeps it: SQLite has no type for it."""
    return value if connection.features.has_native_uuid_field else value.hex


def _loaded(value: str | uuid.UUID) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
