"""When two cells of different tables are the same key: by value, never by a double."""

from datasets.analytics.filters import composed, present
from datasets.analytics.sql import NUMERIC, TEMPORAL, Kind, TableColumn

# Whole numbers below this are exact in a HUGEINT, whatever a double writes them as.
_WHOLE = "1e38"


def common(first: TableColumn, second: TableColumn) -> tuple[str, str]:
    """Return both columns as expressions that are equal where their values are.

    Numbers of different types are compared by their digits: a double has no room for
    an identifier of 64 bits. Times are compared as instants, text in one form of
    Unicode.
    """
    kinds = {first.kind, second.kind}
    if kinds == {Kind.TEXT}:
        return composed(present(first)), composed(present(second))
    if first.type == second.type:
        return present(first), present(second)
    if kinds == {Kind.INTEGER} and "UHUGEINT" not in {first.type, second.type}:
        return f"({present(first)})::HUGEINT", f"({present(second)})::HUGEINT"
    if kinds <= NUMERIC:
        return _digits(first), _digits(second)
    if kinds <= TEMPORAL:
        kind = _time_type(first, second)
        return f"({present(first)})::{kind}", f"({present(second)})::{kind}"
    return f"({present(first)})::VARCHAR", f"({present(second)})::VARCHAR"


def _digits(column: TableColumn) -> str:
    """Return the text of a number, the same for equal numbers of all types."""
    value = f"({present(column)})"
    if column.kind is Kind.INTEGER:
        return f"{value}::VARCHAR"
    text = f"{value}::VARCHAR"
    plain = f"CASE WHEN contains({text}, '.') AND NOT contains({text}, 'e')"
    plain += f" THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    if column.kind is Kind.DECIMAL:
        return f"({plain})"
    small = _written_out(text)
    is_whole = (
        f"isfinite({value}) AND abs({value}) < {_WHOLE} AND {value} = trunc({value})"
    )
    whole = f"CASE WHEN {is_whole} THEN {value} END"
    return f"coalesce(({whole})::HUGEINT::VARCHAR, {small}, {plain})"


def _written_out(text: str) -> str:
    """Return the digits of a number such as 1.5e-07 without its exponent, as SQL.

    NULL for one that is written without.
    """
    digits = f"replace(ltrim(split_part({text}, 'e-', 1), '-'), '.', '')"
    zeros = f"repeat('0', split_part({text}, 'e-', 2)::INTEGER - 1)"
    sign = f"CASE WHEN starts_with({text}, '-') THEN '-0.' ELSE '0.' END"
    is_small = f"contains({text}, 'e-')"
    return f"CASE WHEN {is_small} THEN {sign} || {zeros} || {digits} END"


def _time_type(first: TableColumn, second: TableColumn) -> str:
    types = {first.type, second.type}
    if any("TIME ZONE" in kind for kind in types):
        return "TIMESTAMPTZ"
    return "TIMESTAMP_NS" if "TIMESTAMP_NS" in types else "TIMESTAMP"
