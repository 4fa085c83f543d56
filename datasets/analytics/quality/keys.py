"""When two cells of different tables are the same key: by value, never by a double."""

from datasets.analytics.filters import present
from datasets.analytics.sql import NUMERIC, TEMPORAL, Kind, TableColumn

# Whole numbers below this are exact in a HUGEINT, whatever a double writes them as.
_WHOLE = "1e37"


def common(first: TableColumn, second: TableColumn) -> tuple[str, str]:
    """Return both columns as expressions that are equal where their values are.

    Numbers of different types are compared by their digits: a double has no room for
    an identifier of 64 bits. Times are compared as instants.
    """
    if first.type == second.type:
        return present(first), present(second)
    kinds = {first.kind, second.kind}
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
    is_whole = (
        f"isfinite({value}) AND abs({value}) < {_WHOLE} AND {value} = trunc({value})"
    )
    whole = f"CASE WHEN {is_whole} THEN {value} END"
    return f"coalesce(({whole})::HUGEINT::VARCHAR, {plain})"


def _time_type(first: TableColumn, second: TableColumn) -> str:
    types = {first.type, second.type}
    if any("TIME ZONE" in kind for kind in types):
        return "TIMESTAMPTZ"
    return "TIMESTAMP_NS" if "TIMESTAMP_NS" in types else "TIMESTAMP"
