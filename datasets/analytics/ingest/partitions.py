"""Columns that folders `key=value` add to the files in them, typed as all others."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.choices import grammar
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.proposing import Cells
from datasets.analytics.ingest.rules import TEXT, trimmed
from datasets.analytics.sql import quote_literal


@dataclass(frozen=True, slots=True)
class Partitions:
    """The keys of the folders, and the values that each file has for them."""

    keys: tuple[str, ...]
    values: tuple[tuple[str | None, ...], ...]

    def column(self, place: int) -> list[str | None]:
        return [values[place] for values in self.values]


def partitions_of(context: Context, plains: Sequence[Plain]) -> Partitions:
    """Return the keys and values of all files, in the order of the files.

    Raises IngestRefused where files have different keys, unless they may.
    """
    keys = tuple(dict.fromkeys(key for plain in plains for key, _ in plain.partitions))
    for plain in plains if not context.options.union_by_name else []:
        own = dict(plain.partitions)
        if lacking := [key for key in keys if key not in own]:
            raise IngestRefused(
                "invalid_file",
                f"{plain.name!r} is in no folder {lacking[0] + '=…'!r}, as others are."
                " The option union_by_name fills what a file lacks with missing"
                " values.",
            )
    rows = [tuple(dict(plain.partitions).get(key) for key in keys) for plain in plains]
    return Partitions(keys, tuple(rows))


def literal(value: str | None) -> str:
    """Return SQL of a value as text; one of nothing is missing."""
    return "NULL::VARCHAR" if not value else f"{quote_literal(value)}::VARCHAR"


def typed(context: Context, values: Sequence[str | None]) -> list[str]:
    """Return SQL of each value of a column in the narrowest type that keeps all."""
    words = context.options.null_values
    cells = Cells(context.cursor, words)
    given = [value for value in values if value]
    cells.add({0: given})
    rule = cells.proposals([0], grammar(context.options))[0].rule or TEXT
    listed = ", ".join(map(quote_literal, ("", *words)))
    found = []
    for value in values:
        text = literal(value)
        if rule is TEXT:
            found.append(text)
        else:
            missing = f"{trimmed(text)} IN ({listed})"
            found.append(
                f"(CASE WHEN {missing} THEN NULL ELSE {rule.value(text)} END)"
                f"::{rule.type}"
            )
    return found
