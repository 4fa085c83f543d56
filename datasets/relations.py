"""The graph around a dataset: versions, the features bound to it, who uses them."""

from collections.abc import Iterable
from typing import Any

from datasets.models import (
    Dataset,
    DatasetVersion,
    Feature,
    FeatureBinding,
    FeatureUsage,
    lineage,
)
from datasets.states import FeatureStatus, VersionState

Node = dict[str, Any]
Edge = dict[str, Any]


def graph(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """Return nodes and edges, sources before targets, in a fixed number of queries.

    An edge is `ok`, `deleted` (its version is purged, its feature archived) or
    `broken` (the current version does not have what the feature is bound to).
    """
    versions = list(dataset.versions.order_by("number"))
    bindings = list(
        dataset.bindings.select_related("feature").order_by("feature__feature_name")
    )
    below = lineage.downstream([bound.feature_id for bound in bindings])
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    root = _node(nodes, "dataset", str(dataset.pk), dataset.name)
    _add_versions(nodes, edges, root, versions)
    _add_features(nodes, edges, root, bindings)
    _add_dependents(nodes, edges, below)
    names = {bound.feature_id: bound.feature.feature_name for bound in bindings}
    names |= {item.id: item.feature_name for item in below}
    _add_models(nodes, edges, names)
    return {"nodes": list(nodes.values()), "edges": edges}


def _add_versions(
    nodes: dict[str, Node],
    edges: list[Edge],
    root: str,
    versions: Iterable[DatasetVersion],
) -> None:
    for version in versions:
        key = _node(
            nodes,
            "dataset_version",
            str(version.pk),
            str(version.dataset),
            version=str(version.number),
        )
        gone = version.purged_at is not None or version.state == VersionState.FAILED
        edges.append(_edge(root, key, "has_version", "deleted" if gone else "ok"))


def _add_features(
    nodes: dict[str, Node],
    edges: list[Edge],
    root: str,
    bindings: Iterable[FeatureBinding],
) -> None:
    for bound in bindings:
        feature = bound.feature
        key = _node(
            nodes,
            "feature",
            feature.feature_name,
            feature.feature_name,
            version=feature.current_version,
        )
        state = "broken" if bound.is_broken else "ok"
        if feature.status == FeatureStatus.ARCHIVED:
            state = "deleted"
        edges.append(_edge(root, key, "provides", state))


def _add_dependents(
    nodes: dict[str, Node], edges: list[Edge], below: list[lineage.Reached]
) -> None:
    for item in below:
        _node(
            nodes, "feature", item.feature_name, item.feature_name, version=item.version
        )
    through = Feature.upstream.through
    pairs = through.objects.filter(from_feature__in=[item.id for item in below])
    listed = pairs.values_list(
        "to_feature__feature_name", "from_feature__feature_name"
    ).order_by("pk")
    for source, target in listed:
        if f"feature:{source}" in nodes:
            edges.append(_edge(f"feature:{source}", f"feature:{target}", "feeds", "ok"))


def _add_models(
    nodes: dict[str, Node], edges: list[Edge], names: dict[Any, str]
) -> None:
    uses = FeatureUsage.objects.filter(feature__in=names).order_by()
    listed = uses.values_list("feature", "used_by_model", "model_version").distinct()
    for feature, model, version in sorted(
        listed, key=lambda use: (use[1], use[2], names[use[0]])
    ):
        key = _node(nodes, "model", f"{model}:{version}", model, version=version)
        edges.append(_edge(f"feature:{names[feature]}", key, "used_by", "ok"))


def _node(
    nodes: dict[str, Node], kind: str, key: str, name: str, version: str | None = None
) -> str:
    identity = f"{kind}:{key}"
    nodes[identity] = {"id": identity, "kind": kind, "name": name, "version": version}
    return identity


def _edge(source: str, target: str, relationship: str, state: str) -> Edge:
    return {
        "source": source,
        "target": target,
        "relationship": relationship,
        "state": state,
    }
