"""Questions about a version's content, and their stored answers.

The one place where models meet `datasets.analytics`. An answer is JSON bytes as
they go out: a stored one costs a row, no DuckDB and no parsing. Its key is the
ETag, so a client that has the answer costs not even that row.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from datasets import storage
from datasets.analytics import (
    association,
    correlation,
    export,
    profile,
    quality,
    rows,
)
from datasets.analytics.filters import Condition
from datasets.analytics.ordered import filtered
from datasets.analytics.rows import Rows, SampleMethod, Window
from datasets.error_translation import translated_errors
from datasets.errors import RowNotFound
from datasets.models import DatasetVersion
from datasets.stored_answers import Question

logger = logging.getLogger(__name__)

ColumnFigures = dict[str, Any]
SAMPLE_ROWS = 100
SAMPLE_REVISION = 3
DETAIL_REVISION = 3
DETAIL_PAIRS = 2000
INTERACTIVE_COLUMNS = 200
WIDEST_MATRIX = 500
MOST_PAIRS = 20_000


def sample(
    version: DatasetVersion,
    window: Window = Window(limit=SAMPLE_ROWS),  # noqa: B008 - frozen
    *,
    method: SampleMethod = SampleMethod.FIRST,
    seed: int = 0,
    by: str | None = None,
) -> Question:
    """Ask for rows as a bare array; only the first 100 are kept.

    Random ones are drawn from the 10,000 that were drawn when the file was read.
    """
    path = storage.data_path(version.digest)
    drawn = storage.sample_path(version.digest)
    if method is SampleMethod.RANDOM and drawn.exists():
        # A few rows from everywhere in a large file would unpack all of it.
        path = drawn
    parameters = {"limit": window.limit, "columns": window.columns, "method": method}
    is_first = method is SampleMethod.FIRST
    if not is_first:
        parameters |= {"seed": seed, "by": by}

    def compute() -> list[dict[str, Any]]:
        found = rows.sample(path, window, method=method, seed=seed, stratify_by=by)
        return found.rows

    is_kept = is_first and window.limit == SAMPLE_ROWS and window.columns is None
    return Question(
        version, "sample", SAMPLE_REVISION, compute, parameters, is_kept=is_kept
    )


def page(
    version: DatasetVersion,
    window: Window,
    find: Callable[[Path], Rows],
) -> dict[str, Any]:
    """Return a page of rows with its paging fields; it is not stored."""
    with translated_errors():
        found = find(storage.data_path(version.digest))
    return {
        "columns": [
            {"name": column.name, "type": column.type} for column in found.columns
        ],
        "rows": found.rows,
        "row_count": found.total,
        "offset": window.offset,
        "limit": window.limit,
        **losses_of(found),
        "row_numbers": found.numbers,
    }


def losses_of(found: Rows) -> dict[str, Any]:
    """Return what the JSON form of rows does not show, as answers name it."""
    return {
        "non_finite_cells": [
            {"row": row, "column": column, "value": value}
            for row, column, value in found.non_finite_cells
        ],
        "non_finite_cell_count": found.non_finite,
        "truncated_cells": [
            {"row": row, "column": column} for row, column in found.truncated_cells
        ],
        "truncated_cell_count": found.truncated,
    }


def cell(version: DatasetVersion, number: int, column: str) -> dict[str, Any]:
    """Return one cell with what its JSON form does not show; it is not stored.

    Raises RowNotFound.
    """
    with translated_errors():
        found = rows.cell(storage.data_path(version.digest), number, column)
    if not found.rows:
        raise RowNotFound(
            f"{version} has {version.row_count:,} rows, counted from 0.", field="row"
        )
    return {
        "row": number,
        "column": column,
        "type": found.columns[0].type,
        "value": found.rows[0][column],
        "is_whole": not found.truncated,
        "is_non_finite": found.non_finite > 0,
    }


def statistics(
    version: DatasetVersion,
    columns: Sequence[str] | None = None,
    conditions: Sequence[Condition] = (),
) -> Question:
    """Ask for the profile of some columns, or (kept) of all of them.

    Of the rows that meet all conditions; their quantiles are of no sample.
    """
    path = storage.data_path(version.digest)
    sampled = storage.sample_path(version.digest)

    def compute() -> Any:
        if conditions:
            return profile.profile(filtered(path, conditions), columns)
        return profile.profile(
            path, columns, sample=sampled if sampled.exists() else None
        )

    parameters: dict[str, Any] = {"columns": columns} if columns else {}
    if conditions:
        parameters["conditions"] = [asdict(condition) for condition in conditions]
    return Question(
        version,
        "statistics",
        profile.REVISION,
        compute,
        parameters,
        is_kept=not parameters,
    )


def guarded_cells(version: DatasetVersion, request: export.Request) -> Question:
    """Ask how many cells of a CSV get a `'`; of the whole version it is kept."""
    path = storage.data_path(version.digest)
    parameters = _chosen(request)

    def compute() -> int:
        return export.guarded_cells(path, request)

    return Question(
        version, "guarded_cells", 2, compute, parameters, is_kept=not parameters
    )


def formless_columns(version: DatasetVersion, request: export.Request) -> Question:
    """Ask which columns have cells that a format has no form for, as an array."""
    path = storage.data_path(version.digest)
    chosen = _chosen(request)

    def compute() -> list[str]:
        return export.formless_columns(path, request)

    parameters = {"format": request.format, **chosen}
    return Question(
        version, "formless_columns", 1, compute, parameters, is_kept=not chosen
    )


def suggestions(version: DatasetVersion) -> Question:
    """Ask for quality rules that the content itself suggests, as a bare array."""
    path = storage.data_path(version.digest)

    def compute() -> list[dict[str, Any]]:
        return [
            {
                "kind": rule.kind,
                "columns": rule.columns,
                "parameters": rule.parameters,
                "severity": rule.severity,
            }
            for rule in quality.suggest(path, profile.profile(path))
        ]

    return Question(version, "suggestions", quality.REVISION, compute)


def correlations(
    version: DatasetVersion,
    method: str = "pearson",
    columns: Sequence[str] | None = None,
) -> Question:
    """Ask how columns go together: pairs, matrix, and which have no figure and why."""
    path = storage.data_path(version.digest)

    def compute() -> dict[str, Any]:
        return _correlation_body(correlation.correlate(path, columns, method=method))

    return Question(
        version,
        "correlation",
        correlation.REVISION,
        compute,
        {"method": method, **({"columns": columns} if columns else {})},
        is_kept=columns is None,
    )


def associations(
    version: DatasetVersion, columns: Sequence[str] | None = None
) -> Question:
    """Ask how far categories tell each other (Cramér's V) and numbers (eta)."""
    path = storage.data_path(version.digest)

    def compute() -> dict[str, Any]:
        found = association.associate(path, columns)
        excluded = [
            {"column": column, "reason": reason} for column, reason in found.excluded
        ]
        return {
            "pairs": found.pairs,
            "undefined": found.undefined,
            "excluded": excluded,
        }

    return Question(
        version,
        "associations",
        association.REVISION,
        compute,
        {"columns": columns} if columns else {},
        is_kept=columns is None,
    )


def _correlation_body(found: correlation.Correlation) -> dict[str, Any]:
    """Return the answer; of a very wide table the strongest pairs and no matrix."""
    is_wide = len(found.columns) > WIDEST_MATRIX
    undefined = found.undefined()
    body = {
        "features": found.columns,
        "correlation_matrix": found.pairs(top=MOST_PAIRS if is_wide else None),
        "undefined": undefined[:MOST_PAIRS],
        "undefined_count": len(undefined),
        "excluded": [
            {"column": column, "reason": reason} for column, reason in found.excluded
        ],
        "method": found.method,
        "row_count": found.row_count,
        "exact": found.exact,
        "truncated": is_wide,
    }
    return body if is_wide else {**body, "matrix": found.rows()}


def detail(version: DatasetVersion, *, column_count: int | None = None) -> Question:
    """Ask for what the dataset's page shows: first rows and strongest pairs.

    The count is given while the version has no columns yet.
    """
    count = version.column_count if column_count is None else column_count

    def compute() -> dict[str, Any]:
        shown: dict[str, Any] = {"sample_data": orjson.Fragment(sample(version).body())}
        if count <= INTERACTIVE_COLUMNS:
            found = orjson.loads(correlations(version).body())["correlation_matrix"]
            found.sort(key=lambda pair: -abs(pair["correlation"]))
            shown["correlation_matrix"] = found[:DETAIL_PAIRS]
            shown["correlation_truncated"] = len(found) > DETAIL_PAIRS
        return shown

    return Question(version, "detail", DETAIL_REVISION, compute)


def _chosen(request: export.Request) -> dict[str, Any]:
    """Return what makes an export a part of a version; nothing for the whole."""
    chosen: dict[str, Any] = {"columns": request.columns} if request.columns else {}
    if request.conditions:
        chosen["conditions"] = [asdict(condition) for condition in request.conditions]
    return chosen
