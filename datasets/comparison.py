"""Comparison of two versions, and dependents of the removed columns."""

from typing import Any

from datasets.analytics import schema
from datasets.models import (
    Dataset,
    DatasetVersion,
    FeatureBinding,
    FeatureUsage,
    lineage,
)
from datasets.models.event import columns_of


def compare(earlier: DatasetVersion, later: DatasetVersion) -> dict[str, Any]:
    """Return the difference of schemas and sizes, from the catalogue alone."""
    found = schema.diff(columns_of(earlier), columns_of(later))
    is_by_rules = later.differs_by_rules_only(earlier)
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
        "retyped_by_rules": is_by_rules and bool(found.retyped),
        "breaks": [] if is_by_rules else what_breaks(later.dataset, found.breaks),
    }


def _is_same(earlier: DatasetVersion, later: DatasetVersion) -> bool | None:
    """Return whether both contents are equal; None if only their bytes differ.

    Several threads may write equal rows as different bytes.
    """
    if earlier.digest == later.digest:
        return True
    if not (earlier.content_digest and later.content_digest):
        return None
    return earlier.content_digest == later.content_digest


def what_breaks(dataset: Dataset, columns: dict[str, str]) -> list[dict[str, Any]]:
    """Return the features bound to one of these columns, and their dependents.

    `columns` maps a name to the reason why the column no longer fits.
    """
    found = FeatureBinding.objects.filter(dataset=dataset).select_related("feature")
    broken = []
    for bound in found.order_by("feature__feature_name"):
        gone = [name for name in bound.columns if name in columns]
        if not gone:
            continue
        below = lineage.downstream([bound.feature_id])
        users = [bound.feature_id, *(item.id for item in below)]
        broken.append(
            {
                "feature_name": bound.feature.feature_name,
                "column": gone[0],
                "reason": columns[gone[0]],
                "dependents": [item.feature_name for item in below],
                "models": FeatureUsage.objects.models_of(users),
            }
        )
    return broken
