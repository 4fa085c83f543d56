"""The edges of the lineage graph that lie in lifecycle's rows, and the walk itself.

A node is text, `kind:id`: `dataset_version:<uuid>`, `experiment:<id>`, `run:<id>`,
`logged_model:<id>`, `model_version:<uuid>`; a uuid is 32 hex digits here, which is
what both databases can make of it. An app above adds its own edges to `EDGES` and
hands all of them to `walk`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import connection

from lifecycle.models import Experiment, LoggedModel, ModelVersion, Run

DEEPEST = 20
MOST_EDGES = 2_000

Direction = Literal["upstream", "downstream"]


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """What came of what: the target was made from the source, `depth` steps away."""

    depth: int
    source: str
    target: str
    relation: str


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in the graph: its kind, the id that the API takes, and its name."""

    key: str
    kind: str
    id: str
    name: str


def hex_of(column: str) -> str:
    """Return SQL for a uuid column as 32 hex digits, on both databases."""
    return f"REPLACE(CAST({column} AS VARCHAR(36)), '-', '')"


EDGES: tuple[str, ...] = (
    f"""SELECT 'dataset_version:' || {hex_of("named.version_id")},
               'run:' || CAST(used.run_id AS VARCHAR(20)), 'read_by'
        FROM lifecycle_runinput AS used
        JOIN lifecycle_inputdataset AS named ON named.id = used.dataset_id
        WHERE named.version_id IS NOT NULL""",  # noqa: S608 - our columns alone
    """SELECT 'experiment:' || CAST(experiment_id AS VARCHAR(20)),
               'run:' || CAST(id AS VARCHAR(20)), 'has_run'
        FROM lifecycle_run WHERE deleted_ms IS NULL""",
    """SELECT 'run:' || CAST(source_run_id AS VARCHAR(20)),
               'logged_model:' || id, 'logged'
        FROM lifecycle_loggedmodel
        WHERE source_run_id IS NOT NULL AND deleted_ms IS NULL""",
    """SELECT 'logged_model:' || model_id,
               'run:' || CAST(run_id AS VARCHAR(20)), 'read_by'
        FROM lifecycle_runmodelinput""",
    f"""SELECT 'run:' || CAST(run_id AS VARCHAR(20)),
               'model_version:' || {hex_of("id")}, 'registered_as'
        FROM lifecycle_modelversion WHERE run_id IS NOT NULL""",  # noqa: S608 - as above
    f"""SELECT 'logged_model:' || logged_model_id,
               'model_version:' || {hex_of("id")}, 'registered_as'
        FROM lifecycle_modelversion
        WHERE logged_model_id IS NOT NULL""",  # noqa: S608 - as above
)
"""SELECTs of source, target and relation; an app above appends its own."""

# UNION (not ALL) keeps each (edge, distance) once, and the bound on depth ends the
# walk in a graph with a circle too. The edges are gathered once, before it begins.
_WALK = """
    WITH RECURSIVE edge(source, target, relation) AS MATERIALIZED ({edges}),
    reached(depth, source, target, relation) AS (
        SELECT 1, source, target, relation FROM edge WHERE {near} IN ({starts})
        UNION
        SELECT reached.depth + 1, edge.source, edge.target, edge.relation
        FROM reached JOIN edge ON edge.{near} = reached.{far}
        WHERE reached.depth < %s
    )
    SELECT MIN(depth), source, target, relation FROM reached
    GROUP BY source, target, relation
    ORDER BY 1, 2, 3 LIMIT {limit}
"""


def walk(
    start: str | Sequence[str],
    direction: Direction,
    *,
    edges: Sequence[str] = EDGES,
    depth: int = DEEPEST,
) -> list[Edge]:
    """Return the edges that lead away from nodes, nearest first, in one query.

    Upstream is what it was made from, downstream what was made of it. At most
    MOST_EDGES edges; a node that is not there has none.
    """
    near, far = (
        ("target", "source") if direction == "upstream" else ("source", "target")
    )
    starts = [start] if isinstance(start, str) else list(start)
    if not starts:
        return []
    sql = _WALK.format(
        edges=" UNION ALL ".join(edges),
        near=near,
        far=far,
        limit=MOST_EDGES,
        starts=", ".join(["%s"] * len(starts)),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*starts, min(depth, DEEPEST)])
        return [Edge(*row) for row in cursor.fetchall()]


def describe(keys: Iterable[str]) -> dict[str, Node]:
    """Return the nodes of lifecycle among the keys, one query for each kind."""
    by_kind: dict[str, list[str]] = {}
    for key in keys:
        kind, _, own = key.partition(":")
        by_kind.setdefault(kind, []).append(own)
    return {
        node.key: node
        for kind, read in _READERS.items()
        for node in read(by_kind.get(kind, []))
    }


def _experiments(ids: list[str]) -> list[Node]:
    rows = Experiment.objects.filter(pk__in=ids).values_list("pk", "name")
    return [Node(f"experiment:{pk}", "experiment", str(pk), name) for pk, name in rows]


def _runs(ids: list[str]) -> list[Node]:
    rows = Run.objects.filter(pk__in=ids).values_list("pk", "uid", "name")
    return [Node(f"run:{pk}", "run", uid, name or uid) for pk, uid, name in rows]


def _logged_models(ids: list[str]) -> list[Node]:
    rows = LoggedModel.objects.filter(pk__in=ids).values_list("pk", "name")
    return [Node(f"logged_model:{pk}", "logged_model", pk, name) for pk, name in rows]


def _versions(ids: list[str]) -> list[Node]:
    rows = ModelVersion.objects.filter(pk__in=[UUID(one) for one in ids])
    listed = rows.values_list("pk", "model__name", "version")
    return [
        Node(f"model_version:{pk.hex}", "model_version", str(pk), f"{name}:{version}")
        for pk, name, version in listed
    ]


_READERS = {
    "experiment": _experiments,
    "run": _runs,
    "logged_model": _logged_models,
    "model_version": _versions,
}
