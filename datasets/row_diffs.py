"""The row diff of two versions: its counts are kept, its pages are not."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from datasets import storage
from datasets.analytics import row_diff
from datasets.analytics.row_diff import DiffPage, RowChange
from datasets.error_translation import translated_errors
from datasets.models import DatasetVersion
from datasets.stored_answers import Question


def between(
    earlier: DatasetVersion,
    later: DatasetVersion,
    key: Sequence[str],
    columns: Sequence[str] | None,
    window: DiffPage,
) -> dict[str, Any]:
    """Return the counts of all differences and a page of them, in one order."""
    with translated_errors():
        compared = row_diff.Comparison(
            storage.data_path(earlier.digest),
            storage.data_path(later.digest),
            key,
            columns,
        )
    parameters = {"with": earlier.digest, "key": list(key), "columns": columns}
    question = Question(
        later, "row_diff", row_diff.REVISION, compared.summary, parameters
    )
    found = orjson.loads(question.body())
    with translated_errors():
        rows = compared.rows(window)
    counts = {change: found[change] for change in RowChange}
    return {
        "dataset_id": str(later.dataset_id),
        "version": later.number,
        "compared_with": earlier.number,
        **found,
        "row_count": sum(counts[change] for change in window.changes),
        "offset": window.offset,
        "limit": window.limit,
        "rows": [asdict(row) for row in rows],
    }
