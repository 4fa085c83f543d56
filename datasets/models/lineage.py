"""Feature lineage, by recursive SQL in one query each."""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.contenttypes.models import ContentType
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


def around(feature: uuid.UUID, *, recursive: bool) -> dict[str, Any]:
    """Return a feature's neighbours and, if `recursive`, all beyond them, by name."""
    depth = DEEPEST if recursive else 1
    above = upstream([feature], depth=depth)
    below = downstream([feature], depth=depth)
    dependents = below if recursive else downstream([feature])
    nearest = [item for item in below if item.depth == 1]
    return {
        "upstream_features": [
            _node(item, "upstream") for item in above if item.depth == 1
        ],
        "downstream_features": [_node(item, "downstream") for item in nearest],
        "all_upstream": [item.feature_name for item in above],
        "all_downstream": [item.feature_name for item in below],
        "direct_dependents_count": len(nearest),
        "total_dependents_count": len(dependents),
    }


def lock() -> None:
    """Serialize writers of edges: two edges at once may close a cycle.

    PostgreSQL locks the content type's row for the whole graph; SQLite has its own
    write lock.
    """
    kind = ContentType.objects.get_by_natural_key("datasets", "feature")
    ContentType.objects.select_for_update(no_key=True).get(pk=kind.pk)


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


def _node(reached: Reached, relationship: str) -> dict[str, str]:
    return {
        "feature_name": reached.feature_name,
        "version": reached.version,
        "relationship": relationship,
    }


def _stored(value: uuid.UUID) -> str | uuid.UUID:
    """Return an id as the database keeps it: SQLite has no type for it."""
    return value if connection.features.has_native_uuid_field else value.hex


def _loaded(value: str | uuid.UUID) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
