"""The links of the lineage graph that lie in lifecycle's rows, and the walk itself.

A node is text, `kind:id`: `dataset_version:<uuid>`, `experiment:<id>`, `run:<id>`,
`logged_model:<id>`, `model_version:<uuid>`; a uuid is 32 hex digits here. An app
above adds its own links to `LINKS` and hands all of them to `walk`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from django.db import connection, models

from lifecycle.models import Experiment, LoggedModel, ModelVersion, Run

DEEPEST = 20
MOST_EDGES = 2_000
NUMBERED = frozenset({"experiment", "run"})
"""Kinds whose ids are whole numbers; a logged model's is text, all others' a uuid."""

Direction = Literal["upstream", "downstream"]
Id = int | str | UUID


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A lineage edge: the target was made from the source, `depth` steps away."""

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


class End(NamedTuple):
    """The node kind at one end of an edge, and the column with the node's id."""

    kind: str
    column: str


@dataclass(frozen=True, slots=True)
class Link:
    """A sort of edge: `rows`, a FROM clause with conditions, that lead somewhere.

    Indexes on the columns of both ends keep a walk short. All of it is text of
    ours, nothing of a client's.
    """

    source: End
    target: End
    relation: str
    rows: str


LINKS: tuple[Link, ...] = (
    Link(
        End("dataset_version", "named.version_id"),
        End("run", "used.run_id"),
        "read_by",
        """lifecycle_runinput AS used
           JOIN lifecycle_inputdataset AS named ON named.id = used.dataset_id
           WHERE named.version_id IS NOT NULL""",
    ),
    Link(
        End("experiment", "experiment_id"),
        End("run", "id"),
        "has_run",
        "lifecycle_run WHERE deleted_ms IS NULL",
    ),
    Link(
        End("run", "source_run_id"),
        End("logged_model", "id"),
        "logged",
        """lifecycle_loggedmodel
           WHERE source_run_id IS NOT NULL AND deleted_ms IS NULL""",
    ),
    Link(
        End("logged_model", "model_id"),
        End("run", "run_id"),
        "read_by",
        "lifecycle_runmodelinput WHERE TRUE",
    ),
    Link(
        End("run", "run_id"),
        End("model_version", "id"),
        "registered_as",
        "lifecycle_modelversion WHERE run_id IS NOT NULL",
    ),
    Link(
        End("logged_model", "logged_model_id"),
        End("model_version", "id"),
        "registered_as",
        "lifecycle_modelversion WHERE logged_model_id IS NOT NULL",
    ),
)
"""An app above appends its own."""

_LEAVING = """
    SELECT {number}, CAST(source AS VARCHAR(36)), CAST(target AS VARCHAR(36)) FROM (
        SELECT DISTINCT {source} AS source, {target} AS target
        FROM {rows} AND {near} IN ({places})
        ORDER BY {far} LIMIT {limit}
    ) AS link_{number}
"""


def walk(
    start: str | Sequence[str],
    direction: Direction,
    *,
    links: Sequence[Link] = LINKS,
    depth: int = DEEPEST,
) -> list[Edge]:
    """Return the edges that lead away from nodes, nearest first.

    Upstream is what it was made from, downstream what was made of it. At most
    MOST_EDGES edges; a node that is not there has none. Each step away is one
    query, by indexes, of what it reaches; whatever else is stored costs nothing.
    """
    reached = {start} if isinstance(start, str) else set(start)
    newest, found = frozenset(reached), list[Edge]()
    for distance in range(1, min(depth, DEEPEST) + 1):
        limit = MOST_EDGES - len(found)
        if not newest or not limit:
            break
        leaving = sorted(_leaving(newest, direction, links, limit))[:limit]
        found += [Edge(distance, *ends) for ends in leaving]
        far = 0 if direction == "upstream" else 1
        newest = frozenset(ends[far] for ends in leaving) - reached
        reached |= newest
    return found


def _leaving(
    nodes: Collection[str], direction: Direction, links: Sequence[Link], limit: int
) -> set[tuple[str, str, str]]:
    """Return source, target and relation of what leaves nodes, `limit` of each sort."""
    parts, parameters = list[str](), list[Id]()
    ids = _ids(nodes)
    for number, link in enumerate(links):
        near = link.target if direction == "upstream" else link.source
        if near.kind in ids:
            parts.append(_part(number, link, near, len(ids[near.kind]), limit))
            parameters += ids[near.kind]
    if not parts:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return {_ends(links[number], *ids) for number, *ids in cursor.fetchall()}


def _part(number: int, link: Link, near: End, count: int, limit: int) -> str:
    return _LEAVING.format(
        number=number,
        source=link.source.column,
        target=link.target.column,
        rows=link.rows,
        near=near.column,
        far="source" if near is link.target else "target",
        places=", ".join(["%s"] * count),
        limit=limit,
    )


def _ids(nodes: Iterable[str]) -> dict[str, list[Id]]:
    """Return the ids of each kind as the database takes them; no id, no node."""
    ids = defaultdict[str, list[Id]](list)
    for node in nodes:
        kind, _, own = node.partition(":")
        with suppress(ValueError):
            stored = _stored(kind, own)
            ids[kind].append(stored)
    return ids


def _stored(kind: str, own: str) -> Id:
    if kind in NUMBERED:
        return int(own)
    if kind == "logged_model":
        return own
    taken: Id = models.UUIDField().get_db_prep_value(UUID(own), connection)
    return taken


def _ends(link: Link, source: str, target: str) -> tuple[str, str, str]:
    return _key(link.source, source), _key(link.target, target), link.relation


def _key(end: End, stored: str) -> str:
    is_uuid = end.kind not in NUMBERED and end.kind != "logged_model"
    return f"{end.kind}:{stored.replace('-', '') if is_uuid else stored}"


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
