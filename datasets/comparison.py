"""What changed between two versions, and what relies on the columns that went."""

from collections.abc import Iterable, Sequence
from typing import Any

from datasets.analytics import schema
from datasets.analytics.sql import TableColumn
from datasets.models import Column, DatasetVersion, Feature, FeatureUsage, lineage

# Text holds every old value, and yet nothing can be reckoned with it any more.
TEXT = "VARCHAR"


def compare(earlier: DatasetVersion, later: DatasetVersion) -> dict[str, Any]:
    """Return the difference of schemas and sizes, from the catalogue alone."""
    found = schema.diff(_columns(earlier), _columns(later))
    gone = {column.name: "its column was removed" for column in found.removed}
    gone |= {
        change.name: f"its column went from {change.before} to {change.after}"
        for change in found.retyped
        if not change.widened or change.after == TEXT
    }
    return {
        "dataset_id": str(later.dataset_id),
        "version": later.number,
        "compared_with": earlier.number,
        "is_same_content": _is_same(earlier, later),
        "added": found.added,
        "removed": found.removed,
        "retyped": found.retyped,
        "reordered": found.reordered,
        "row_count_before": earlier.row_count,
        "row_count_after": later.row_count,
        "size_bytes_before": earlier.size_bytes,
        "size_bytes_after": later.size_bytes,
        "breaks": what_breaks(gone),
    }


def _is_same(earlier: DatasetVersion, later: DatasetVersion) -> bool | None:
    """Return whether both say the same; None where only the bytes are known to differ.

    Equal rows of many threads may be other bytes.
    """
    if earlier.digest == later.digest:
        return True
    if not (earlier.content_digest and later.content_digest):
        return None
    return earlier.content_digest == later.content_digest


def what_breaks(columns: dict[str, str]) -> list[dict[str, Any]]:
    """Return the features that columns of these names carry, and who uses those.

    `columns` maps a name to the reason why the column will not do any more.
    """
    found = Feature.objects.filter(feature_name__in=columns).order_by("feature_name")
    broken = []
    for feature in found:
        below = lineage.downstream([feature.pk])
        broken.append(
            {
                "feature_name": feature.feature_name,
                "reason": columns[feature.feature_name],
                "dependents": [item.feature_name for item in below],
                "models": _models([feature.pk, *(item.id for item in below)]),
            }
        )
    return broken


def _models(features: Sequence[Any]) -> list[str]:
    uses = FeatureUsage.objects.filter(feature__in=features).order_by()
    pairs: Iterable[tuple[str, str]] = uses.values_list(
        "used_by_model", "model_version"
    ).distinct()
    return sorted(f"{model}:{version}" for model, version in pairs)


def _columns(version: DatasetVersion) -> list[TableColumn]:
    rows = Column.objects.filter(version=version).order_by("position")
    return [TableColumn(row.name, row.data_type) for row in rows]
