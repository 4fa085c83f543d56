"""What a feature is to be bound to, and whether a version's columns will do."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets.analytics import expression
from datasets.analytics.errors import InvalidExpression
from datasets.analytics.sql import TEMPORAL, Kind, TableColumn
from datasets.errors import InvalidBinding
from datasets.models.event import columns_of
from datasets.models.version import DatasetVersion


@dataclass(frozen=True, slots=True)
class BindingTarget:
    """What a feature is to be bound to: one of column and formula."""

    dataset: str
    column: str = ""
    expression: str = ""
    entity_key: Sequence[str] = ()
    event_time: str = ""


def checked_columns(
    wanted: BindingTarget, version: DatasetVersion
) -> list[TableColumn]:
    """Return the columns that are used. Raises InvalidBinding, naming the field."""
    columns = columns_of(version)
    known = {column.name: column for column in columns}
    named = [(name, "entity_key") for name in wanted.entity_key]
    named += [(wanted.event_time, "event_time")] if wanted.event_time else []
    named += [(wanted.column, "column")] if wanted.column else []
    for name, field in named:
        if name not in known:
            raise InvalidBinding(
                f"{version.dataset} has no column {name!r}.", field=f"binding.{field}"
            )
        if reason := _unfit(known[name], field):
            raise InvalidBinding(reason, field=f"binding.{field}")
    used = [name for name, _field in named]
    if wanted.expression:
        used += _formula_columns(wanted.expression, columns)
    return [known[name] for name in dict.fromkeys(used)]


def _unfit(column: TableColumn, field: str) -> str:
    """Return why a column cannot be used; empty if it can."""
    if field == "event_time" and column.kind not in TEMPORAL:
        return f"{column.name!r} is {column.type}, not a date or a time with its date."
    if field == "entity_key" and column.kind is Kind.NESTED:
        return f"{column.name!r} is {column.type}, which is no key."
    return ""


def _formula_columns(text: str, columns: Sequence[TableColumn]) -> tuple[str, ...]:
    try:
        formula = expression.parse(text)
        formula.sql(columns)
    except InvalidExpression as refused:
        raise InvalidBinding(
            refused.message, field="binding.expression", **refused.extra
        ) from None
    return formula.columns
