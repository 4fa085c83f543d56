"""Questions about a version's content, and their stored answers.

The one place where models meet `datasets.analytics`. An answer is JSON bytes as
they go out: a stored one costs a row, no DuckDB and no parsing. Its key is the
ETag, so a client that has the answer costs not even that row.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from datasets import storage
from datasets.analytics import (
    association,
    correlation,
    export,
    facets,
    grouping,
    profile,
    quality,
    rows,
)
from datasets.analytics.filters import Condition
from datasets.analytics.ordered import filtered
from datasets.analytics.rows import Method, Rows, Window
from datasets.models import AnalysisKey, DatasetVersion, StoredAnalysis
from datasets.refusals import Refused, asking

logger = logging.getLogger(__name__)

ColumnFigures = dict[str, Any]
SAMPLE_ROWS = 100
SAMPLE_REVISION = 3
DETAIL_REVISION = 3
DETAIL_PAIRS = 2000
INTERACTIVE_COLUMNS = 200
WIDEST_MATRIX = 500
MOST_PAIRS = 20_000
LARGEST_KEPT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a content; `is_kept` answers are stored for the next one."""

    version: DatasetVersion
    kind: str
    revision: int
    compute: Callable[[], Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_kept: bool = True

    @property
    def key(self) -> AnalysisKey:
        return AnalysisKey(
            self.version.digest, self.kind, self.revision, self.parameters
        )

    @property
    def etag(self) -> str:
        return self.key.etag

    def body(self) -> bytes:
        """Return the answer as JSON, computing it if nobody asked before."""
        key = self.key
        stored = StoredAnalysis.objects.answer(key) if self.is_kept else None
        if stored is not None:
            return stored
        with asking():
            body = dumps(self.compute())
        if self.is_kept and len(body) <= LARGEST_KEPT:
            StoredAnalysis.objects.keep(key, body)
        return body


def sample(
    version: DatasetVersion,
    window: Window = Window(limit=SAMPLE_ROWS),  # noqa: B008 - frozen
    *,
    method: Method = Method.FIRST,
    seed: int = 0,
    by: str | None = None,
) -> Question:
    """Ask for rows as a bare array; only the first 100 are kept.

    Random ones are drawn from the 10,000 that were drawn when the file was read.
    """
    path = storage.data_path(version.digest)
    drawn = storage.sample_path(version.digest)
    if method is Method.RANDOM and drawn.exists():
        # A few rows from everywhere in a large file would unpack all of it.
        path = drawn
    asked = {"limit": window.limit, "columns": window.columns, "method": method}
    is_first = method is Method.FIRST
    if not is_first:
        asked |= {"seed": seed, "by": by}

    def compute() -> list[dict[str, Any]]:
        found = rows.sample(path, window, method=method, seed=seed, stratify_by=by)
        return found.rows

    is_kept = is_first and window.limit == SAMPLE_ROWS and window.columns is None
    return Question(version, "sample", SAMPLE_REVISION, compute, asked, is_kept=is_kept)


def page(
    version: DatasetVersion,
    window: Window,
    find: Callable[[Path], Rows],
) -> dict[str, Any]:
    """Return rows with what a pager needs to know; nothing of it is stored."""
    with asking():
        found = find(storage.data_path(version.digest))
    return {
        "columns": [
            {"name": column.name, "type": column.type} for column in found.columns
        ],
        "rows": found.rows,
        "row_count": found.total,
        "offset": window.offset,
        "limit": window.limit,
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

    asked: dict[str, Any] = {"columns": columns} if columns else {}
    if conditions:
        asked["conditions"] = [asdict(condition) for condition in conditions]
    return Question(
        version, "statistics", profile.REVISION, compute, asked, is_kept=not asked
    )


def groups(
    version: DatasetVersion,
    asked: grouping.Grouping,
    conditions: Sequence[Condition] = (),
    text: str = "",
) -> Question:
    """Ask for figures of groups of the rows that meet all conditions; not kept."""
    path = storage.data_path(version.digest)

    def compute() -> dict[str, Any]:
        found = grouping.group(path, asked, conditions, text)
        return {
            "keys": [{"name": key.name, "type": key.type} for key in found.keys],
            "figures": [
                {"name": each.name, "type": each.type, "exact": each.is_exact}
                for each in found.figures
            ],
            "groups": found.groups,
            "group_count": found.total,
            "row_count": found.row_count,
            "offset": asked.offset,
            "limit": asked.limit,
            "truncated_cells": [
                {"group": group, "column": column}
                for group, column in found.truncated_cells
            ],
            "truncated_cell_count": found.truncated,
        }

    parameters = asdict(asked) | _among(conditions, text)
    return Question(
        version, "groups", grouping.REVISION, compute, parameters, is_kept=False
    )


def facets_of(
    version: DatasetVersion,
    wanted: facets.Wanted,
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


def guarded_cells(version: DatasetVersion, request: export.Request) -> Question:
    """Ask how many cells of a CSV get a `'`; of the whole version it is kept."""
    path = storage.data_path(version.digest)
    asked: dict[str, Any] = {"columns": request.columns} if request.columns else {}
    if request.conditions:
        asked["conditions"] = [asdict(condition) for condition in request.conditions]

    def compute() -> int:
        return export.guarded_cells(path, request)

    return Question(version, "guarded_cells", 1, compute, asked, is_kept=not asked)


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """Answers that the reader of the files made on the way, as JSON bytes."""

    head: bytes
    statistics: bytes

    @classmethod
    def read(cls, folder: Path) -> "Prepared":
        return cls(
            (folder / "head.json").read_bytes(), (folder / "profile.json").read_bytes()
        )

    @property
    def profiles(self) -> dict[str, ColumnFigures]:
        """The statistics of each column by its name."""
        return {item["name"]: item for item in orjson.loads(self.statistics)["columns"]}

    def keep(self, version: DatasetVersion, column_count: int) -> None:
        """Store them, and what the dataset's page shows, under the digest.

        An analysis that fails here is computed again when somebody asks for it: the
        content is good without it.
        """
        StoredAnalysis.objects.keep(sample(version).key, self.head)
        StoredAnalysis.objects.keep(statistics(version).key, self.statistics)
        try:
            detail(version, column_count=column_count).body()
        except Refused as refused:
            logger.warning("No correlation of %s: %s", version.digest, refused.message)


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=_plain)


def joined(head: Mapping[str, Any], body: bytes) -> orjson.Fragment:
    """Return one JSON object: the head's fields, then those of a stored body."""
    start = dumps(dict(head))
    both = start[:-1] + (b"," if len(start) > 2 and len(body) > 2 else b"") + body[1:]  # noqa: PLR2004 - "{}"
    return orjson.Fragment(both)


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)
