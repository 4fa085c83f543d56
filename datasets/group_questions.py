"""Questions about groups and facets of rows; their answers are not stored."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from datasets import storage
from datasets.analytics import (
    facets,
    grouping,
)
from datasets.analytics.filters import Condition
from datasets.models import DatasetVersion
from datasets.stored_answers import Question


def groups(
    version: DatasetVersion,
    request: grouping.Grouping,
    conditions: Sequence[Condition] = (),
    text: str = "",
) -> Question:
    """Ask for figures of groups of the rows that meet all conditions; not kept."""
    path = storage.data_path(version.digest)

    def compute() -> dict[str, Any]:
        found = grouping.group(path, request, conditions, text)
        return {
            "keys": [{"name": key.name, "type": key.type} for key in found.keys],
            "figures": [
                {"name": each.name, "type": each.type, "exact": each.is_exact}
                for each in found.figures
            ],
            "groups": found.groups,
            "group_count": found.total,
            "row_count": found.row_count,
            "offset": request.offset,
            "limit": request.limit,
            "truncated_cells": [
                {"group": group, "column": column}
                for group, column in found.truncated_cells
            ],
            "truncated_cell_count": found.truncated,
        }

    parameters = asdict(request) | _among(conditions, text)
    return Question(
        version, "groups", grouping.REVISION, compute, parameters, is_kept=False
    )


def facets_of(
    version: DatasetVersion,
    wanted: facets.FacetOptions,
    conditions: Sequence[Condition] = (),
    text: str = "",
) -> Question:
    """Ask for top values and histograms of many columns at once; not kept.

    Which columns there was no time for depends on the moment.
    """
    path = storage.data_path(version.digest)

    def compute() -> facets.Facets:
        return facets.facets(path, wanted, conditions, text)

    parameters = asdict(wanted) | _among(conditions, text)
    return Question(
        version, "facets", facets.REVISION, compute, parameters, is_kept=False
    )


def _among(conditions: Sequence[Condition], text: str) -> dict[str, Any]:
    return {"conditions": [asdict(each) for each in conditions], "q": text}
