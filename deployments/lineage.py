"""The whole graph: dataset ↔ feature ↔ run ↔ model version ↔ deployment.

`lifecycle.lineage` walks it, a query for each step. Here come the links of datasets
and deployments, and how a client names a node.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from datasets.models import (
    Column,
    Dataset,
    DatasetVersion,
    Feature,
    FeatureBinding,
    FeatureUsage,
)
from deployments.models import Deployment
from lifecycle import lineage
from lifecycle.lineage import Direction, Edge, End, Link, Node
from lifecycle.models import Experiment, LoggedModel, ModelVersion, Run, RunInput
from mlops.core.errors import BadQuery, NotFound

COLUMN = "column"
MODEL = "model"
"""A model version that is known by its recorded uses alone."""
MOST_RUNS = 500

LINKS: tuple[Link, ...] = (
    *lineage.LINKS,
    Link(
        End("dataset", "dataset_id"),
        End("dataset_version", "id"),
        "has_version",
        "datasets_datasetversion WHERE TRUE",
    ),
    Link(
        End("dataset", "dataset_id"),
        End("feature", "feature_id"),
        "provides",
        "datasets_featurebinding WHERE dataset_id IS NOT NULL",
    ),
    Link(
        End("feature", "to_feature_id"),
        End("feature", "from_feature_id"),
        "feeds",
        "datasets_feature_upstream WHERE TRUE",
    ),
    Link(
        End("feature", "used.feature_id"),
        End("model_version", "version.id"),
        "used_by",
        """datasets_featureusage AS used
           JOIN lifecycle_registeredmodel AS model ON model.name = used.used_by_model
           JOIN lifecycle_modelversion AS version
             ON version.model_id = model.id AND version.version = used.model_version
           WHERE TRUE""",
    ),
    Link(
        End("model_version", "model_version_id"),
        End("deployment", "id"),
        "deployed_as",
        "deployments_deployment WHERE TRUE",
    ),
    Link(
        End("deployment", "restores_id"),
        End("deployment", "id"),
        "restored_as",
        "deployments_deployment WHERE restores_id IS NOT NULL",
    ),
)


@dataclass(frozen=True, slots=True)
class Graph:
    """Lineage graph of a node, upstream and downstream; nearest edges first.

    `is_truncated` says that there are more edges than are answered at once.
    """

    of: Node
    nodes: list[Node]
    edges: list[Edge]
    is_truncated: bool


def graph(of: str, direction: str, depth: int) -> Graph:
    """Return the graph around the node that a client calls `kind:id`.

    The id is what the API takes elsewhere: a name, a run id, `name:version`. The
    direction "both" is upstream and downstream, without what else was made of the
    same sources. Raises BadQuery and NotFound.
    """
    kind, _, named = of.partition(":")
    if kind == COLUMN:
        return _column_graph(named, direction, depth)
    start = _start(of)
    ways: dict[str, tuple[Direction, ...]] = {
        "upstream": ("upstream",),
        "downstream": ("downstream",),
        "both": ("upstream", "downstream"),
    }
    found = [
        lineage.walk(start, way, links=LINKS, depth=depth) for way in ways[direction]
    ]
    edges = [edge for walked in found for edge in walked]
    if direction != "upstream":
        edges += _unregistered(_downstream(start, edges), depth)
    edges.sort()
    nodes = _described({start, *_ends(edges)})
    is_truncated = any(len(walked) == lineage.MOST_EDGES for walked in found)
    return _drawn(nodes[start], nodes, edges, is_truncated=is_truncated)


def _column_graph(named: str, direction: str, depth: int) -> Graph:
    """Return what breaks if the column `dataset:name` goes, and where it is from.

    That is the features bound to it and all that was made of these, and every run
    that read a version with this column, with the models and deployments of it. It
    may have gone already: then it is what is broken now. Raises NotFound.
    """
    dataset_named, _, name = named.partition(":")
    dataset = Dataset.objects.find(dataset_named)
    held = Column.objects.filter(version__dataset=dataset, name=name)
    if not held.exists():
        raise NotFound(f"{dataset} never had a column {name[:100]!r}.", field="of")
    key = f"{COLUMN}:{dataset.pk.hex}:{name}"
    here = Node(key, COLUMN, f"{dataset.name}:{name}", name)
    edges: list[Edge] = []
    if direction != "upstream":
        edges += _downstream_of_column(here, dataset, held, depth)
    if direction != "downstream":
        edges.append(Edge(1, f"dataset:{dataset.pk.hex}", key, "has_column"))
    nodes = {key: here, **_described({*_ends(edges)} - {key})}
    is_truncated = len(edges) >= lineage.MOST_EDGES
    return _drawn(here, nodes, sorted(edges), is_truncated=is_truncated)


def _downstream_of_column(
    here: Node, dataset: Dataset, held: QuerySet[Column], depth: int
) -> Iterator[Edge]:
    bindings = FeatureBinding.objects.filter(dataset=dataset)
    features = [one.feature_id for one in bindings if here.name in one.columns]
    read = RunInput.objects.filter(dataset__version__in=held.values("version"))
    runs = read.order_by("run").values_list("run", flat=True).distinct()
    firsts = {f"feature:{pk.hex}": "provides" for pk in features}
    firsts |= {f"run:{pk}": "read_by" for pk in runs[:MOST_RUNS]}
    yield from (Edge(1, here.key, key, relation) for key, relation in firsts.items())
    walked = list[Edge]()
    if depth > 1:
        walked = lineage.walk(list(firsts), "downstream", links=LINKS, depth=depth - 1)
        walked = [replace(edge, depth=edge.depth + 1) for edge in walked]
    yield from walked
    reached = dict.fromkeys(firsts, 1) | {edge.target: edge.depth for edge in walked}
    yield from _unregistered(reached, depth)


def _downstream(start: str, edges: Iterable[Edge]) -> dict[str, int]:
    """Return what the edges lead to from the start, and how far away it is."""
    found = {start: 0}
    for edge in sorted(edges):
        if edge.source in found and edge.target not in found:
            found[edge.target] = edge.depth
    return found


def _unregistered(reached: Mapping[str, int], depth: int) -> list[Edge]:
    """Return edges from the features reached to models that are not in the registry.

    Their use was recorded all the same, so they break with the feature.
    """
    ids = {
        UUID(key.partition(":")[2]): distance
        for key, distance in reached.items()
        if key.startswith("feature:") and distance < depth
    }
    registered = ModelVersion.objects.filter(
        model__name=OuterRef("used_by_model"), version=OuterRef("model_version")
    )
    uses = FeatureUsage.objects.filter(~Exists(registered), feature__in=ids)
    pairs = uses.order_by().values_list("feature", "used_by_model", "model_version")
    return [
        Edge(ids[pk] + 1, f"feature:{pk.hex}", f"{MODEL}:{name}:{version}", "used_by")
        for pk, name, version in pairs.distinct()[: lineage.MOST_EDGES]
    ]


def _drawn(
    of: Node, nodes: dict[str, Node], edges: list[Edge], *, is_truncated: bool
) -> Graph:
    """Return the graph without edges to what is not there any more."""
    kept = [edge for edge in edges if edge.source in nodes and edge.target in nodes]
    return Graph(of, list(nodes.values()), kept, is_truncated)


def _start(of: str) -> str:
    kind, colon, named = of.partition(":")
    if not colon or kind not in _FINDERS:
        kinds = ", ".join([*_FINDERS, COLUMN])
        raise BadQuery(f"of must be kind:id; kinds are: {kinds}.", field="of")
    try:
        return f"{kind}:{_FINDERS[kind](named)}"
    except NotFound as nothing:
        nothing.field = "of"
        raise


def _dataset_version(named: str) -> str:
    """Return the version of this id, or of `dataset:label`."""
    dataset, colon, label = named.rpartition(":")
    if colon:
        return DatasetVersion.objects.labelled(dataset, label).pk.hex
    try:
        found = DatasetVersion.objects.filter(pk=UUID(named)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"There is no dataset version {named[:100]!r}.", field="of")
    return found.pk.hex


def _logged_model(named: str) -> str:
    if not LoggedModel.objects.filter(pk=named).exists():
        raise NotFound(f"There is no logged model {named[:100]!r}.", field="of")
    return named


_FINDERS: dict[str, Callable[[str], str]] = {
    "dataset": lambda named: Dataset.objects.find(named).pk.hex,
    "dataset_version": _dataset_version,
    "feature": lambda named: Feature.objects.find(named).pk.hex,
    "experiment": lambda named: str(Experiment.objects.find(named).pk),
    "run": lambda named: str(Run.objects.find(named).pk),
    "logged_model": _logged_model,
    "model_version": lambda named: ModelVersion.objects.find(named).pk.hex,
    "deployment": lambda named: Deployment.objects.find(named).pk.hex,
}


def _ends(edges: Iterable[Edge]) -> Iterable[str]:
    for edge in edges:
        yield edge.source
        yield edge.target


def _described(keys: set[str]) -> dict[str, Node]:
    """Return the nodes by their keys, in a fixed number of queries."""
    described = lineage.describe(keys)
    for kind, read in _READERS.items():
        ids = [
            UUID(key.partition(":")[2]) for key in keys if key.startswith(f"{kind}:")
        ]
        for node in read(ids) if ids else []:
            described[node.key] = node
    for key in keys:
        kind, _, name = key.partition(":")
        if kind == MODEL:
            described[key] = Node(key, MODEL, name, name)
    return dict(sorted(described.items()))


def _datasets(ids: list[UUID]) -> list[Node]:
    rows = Dataset.objects.filter(pk__in=ids).values_list("pk", "name")
    return [Node(f"dataset:{pk.hex}", "dataset", str(pk), name) for pk, name in rows]


def _versions(ids: list[UUID]) -> list[Node]:
    rows = DatasetVersion.objects.filter(pk__in=ids)
    return [
        Node(
            f"dataset_version:{pk.hex}", "dataset_version", str(pk), f"{name}:{number}"
        )
        for pk, name, number in rows.values_list("pk", "dataset__name", "number")
    ]


def _features(ids: list[UUID]) -> list[Node]:
    rows = Feature.objects.filter(pk__in=ids).values_list("pk", "feature_name")
    return [Node(f"feature:{pk.hex}", "feature", str(pk), name) for pk, name in rows]


def _deployments(ids: list[UUID]) -> list[Node]:
    rows = Deployment.objects.filter(pk__in=ids).values_list(
        "pk", "slot__model__name", "slot__environment", "revision"
    )
    return [
        Node(
            f"deployment:{pk.hex}",
            "deployment",
            str(pk),
            f"{model} in {environment} r{revision}",
        )
        for pk, model, environment, revision in rows
    ]


_READERS: dict[str, Callable[[list[UUID]], list[Node]]] = {
    "dataset": _datasets,
    "dataset_version": _versions,
    "feature": _features,
    "deployment": _deployments,
}
