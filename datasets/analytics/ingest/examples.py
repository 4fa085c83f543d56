"""Cells that do not fit the rules of their columns, to widen these."""

from collections.abc import Iterable, Sequence

from datasets.analytics.engine import Cursor
from datasets.analytics.ingest.guard import Guard, long_form

_LISTED = 20


def examples(
    cursor: Cursor, guards: Sequence[tuple[Guard, list[int]]], rows: str
) -> dict[int, list[str]]:
    """Return cells that do not fit, by column, in one pass over all cells."""
    wanted = {
        column: _examples_of(
            f"CASE WHEN {guard.is_kept(f'r{column}')} THEN NULL ELSE r{column} END"
        )
        for guard, same in guards
        for column in same
    }
    if not wanted:
        return {}
    found = cursor.row(f"SELECT {', '.join(wanted.values())} FROM ({rows})", {})  # noqa: S608
    return {column: _flat(found[3 * i : 3 * i + 3]) for i, column in enumerate(wanted)}


def examples_of_many(
    cursor: Cursor, guards: Sequence[tuple[Guard, list[int]]], rows: str
) -> dict[int, list[str]]:
    """Return the same, in one pass for each guard."""
    found: dict[int, list[str]] = {}
    for guard, same in guards:
        cells = long_form(same, [f"r{column}" for column in same], rows)
        listed = cursor.rows(
            f"SELECT c, {_examples_of('x')} FROM ({cells})"  # noqa: S608
            f" WHERE ({guard.is_kept('x')}) IS NOT TRUE GROUP BY c",
            {},
        )
        found |= {row[0]: _flat(row[1:]) for row in listed}
    return found


def _examples_of(cell: str) -> str:
    """Return aggregates of some cells, of those that widen a type most among them."""
    return (
        f"min({cell}, {_LISTED}), max({cell}, {_LISTED}),"
        f" max_by({cell}, strlen({cell}), {_LISTED})"
    )


def _flat(lists: Iterable[Sequence[str | None] | None]) -> list[str]:
    return [cell for cells in lists for cell in cells or () if cell]
