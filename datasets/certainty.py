"""Fidelity of versions to their uploads, judged from the catalogue.

Since the revision of the type rules that 0.9.0 begins with, every cell is kept or
named in the report. Versions of before may have been changed unseen; from their format,
files and types alone some cannot have been. Nothing is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from datasets.models import Column, DatasetVersion
from datasets.states import SourceFormat

GUARANTEED_FROM = 5
_PROVEN_FROM = 2  # cells were compared, while cases were still being found
_OWN_TYPES = frozenset({SourceFormat.PARQUET, SourceFormat.ARROW})
_JSON = frozenset({SourceFormat.JSONL})
# What the reading of before did to cells of a type without a word.
_TEXT_RISKS = (
    ("BIGINT", "0x10, 1_000 and the like became numbers"),
    ("DOUBLE", "digits beyond the 15th were rounded, 1e400 became infinite"),
    ("VARCHAR", "null words and empty texts became missing, line ends changed"),
    ("BOOLEAN", "t, f, yes and no became truth values"),
    ("DATE", "days and months may stand for each other"),
    ("TIMESTAMP", "fractions beyond microseconds were cut"),
    ("TIME", "fractions beyond microseconds were cut"),
)
_SEEN_ROWS = 500


class Certainty(StrEnum):
    """Certainty that a version holds what was uploaded."""

    GUARANTEED = "guaranteed"
    UNCHANGED = "cannot have changed"
    UNKNOWN = "cannot be told; upload again"


_ORDER = tuple(Certainty)


@dataclass(frozen=True, slots=True)
class VersionCertainty:
    certainty: Certainty
    reasons: tuple[str, ...] = ()


def verdict(version: DatasetVersion) -> VersionCertainty:
    """Return the least certain finding of a ready version: rows, columns, files.

    Rows that were appended to, filtered or computed are as certain as the version that
    they came from.
    """
    waiting, seen, found = [version], {version.pk}, list[VersionCertainty]()
    while waiting:
        one = waiting.pop()
        found.append(_own(one))
        for first in _before(one, found):
            if first.pk not in seen:
                seen.add(first.pk)
                waiting.append(first)
    least = max(found, key=lambda each: _ORDER.index(each.certainty))
    reasons = dict.fromkeys(reason for each in found for reason in each.reasons)
    return VersionCertainty(least.certainty, tuple(reasons))


def _own(version: DatasetVersion) -> VersionCertainty:
    """Return what is known of the reading of the version's own files."""
    if version.made_of or version.type_rules >= GUARANTEED_FROM:
        return VersionCertainty(Certainty.GUARANTEED)
    reasons = tuple(dict.fromkeys(_reasons(version)))
    return VersionCertainty(
        Certainty.UNKNOWN if reasons else Certainty.UNCHANGED, reasons
    )


def _before(
    version: DatasetVersion, found: list[VersionCertainty]
) -> Iterator[DatasetVersion]:
    """Yield the versions that rows came from; note those that are deleted."""
    if version.appended_to is not None:
        yield version.appended_to
    for named in version.made_of:
        first = DatasetVersion.objects.filter(pk=named["id"]).first()
        if first is not None:
            yield first
        else:
            gone = f"{named['dataset_name']} v{named['version']}, of which it was made"
            found.append(VersionCertainty(Certainty.UNKNOWN, (f"{gone}, is gone",)))


def _reasons(version: DatasetVersion) -> Iterator[str]:
    columns = list(version.columns.all())
    count = version.sources.count()
    if not columns or len(columns) != version.column_count:
        yield "its columns are not known"
    if count != 1:
        yield (
            "the types of the first of several files may have changed the others"
            if count
            else "its files are not known"
        )
    if version.source_format in _OWN_TYPES:
        if any("DOUBLE" in column.data_type for column in columns):
            yield "decimals of more than 38 digits became DOUBLE"
        return
    yield from _of_text(version, columns)


def _of_text(version: DatasetVersion, columns: list[Column]) -> Iterator[str]:
    """Yield why a text file is in doubt: there is always a reason."""
    if version.type_rules >= _PROVEN_FROM:
        yield "rare lines and spellings were lost unseen by the rules of that time"
        return
    if version.source_format in _JSON:
        yield "of a key given twice one value was kept; large numbers were rounded"
        return
    if version.row_count > _SEEN_ROWS:
        yield "types were found on the first rows only, later cells were rounded"
    dialect = version.report.get("dialect", {})
    if not dialect.get("header", False):
        yield "the header may have become a row"
    if dialect.get("encoding") != ["utf-8"]:
        yield "the encoding was guessed"
    for kind, risk in _TEXT_RISKS:
        if any(column.data_type.startswith(kind) for column in columns):
            yield f"{kind}: {risk}"
    # A rule for every type that the reading of before could give, and for none other.
    yield "spellings of cells were not compared with what was kept"
