"""Sort keys of a run search as SQL.

A key is two columns, so that no NULL is ever compared: a rank (0 a value, 1 NaN, 2
nothing logged), always ascending, and the value. MLflow's order ends with the newest
start and the run id.
"""

from dataclasses import dataclass
from typing import Final

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.search.order import OrderKey
from lifecycle.mlflow.search.run_clauses import (
    NUMBER_ATTRIBUTES,
    TEXT_ATTRIBUTES,
    Keys,
    attribute_name,
    entity_of,
)
from lifecycle.mlflow.search.sql import Sql

Column = tuple[str, bool]
LAST: Final[tuple[Column, ...]] = (("r.started_ms", True), ("r.uid", False))
_TABLES = {
    "metric": "lifecycle_latestmetric",
    "parameter": "lifecycle_param",
    "tag": "lifecycle_runtag",
}
_NEWEST = """
    NOT EXISTS (SELECT 1 FROM lifecycle_latestmetric n WHERE n.run_id = {0}.run_id
        AND n.key_id = {0}.key_id AND (n.step, n.timestamp_ms, n.value, n.id)
        > ({0}.step, {0}.timestamp_ms, {0}.value, {0}.id))
"""


@dataclass(frozen=True, slots=True)
class Sorting:
    """Joins that bring the sorted values, and the columns of the ORDER BY."""

    joins: Sql
    columns: tuple[Column, ...]


def newest(alias: str) -> str:
    """Return the condition that a latest metric is the newest over all datasets."""
    return _NEWEST.format(alias)


def sorting(order: list[OrderKey], keys: Keys) -> Sorting:
    """Return the joins and columns. Raises InvalidValue for what cannot be sorted."""
    joins, columns = Sql(""), []
    for number, wanted in enumerate(order):
        entity = entity_of(wanted.entity)
        if entity == "dataset":
            raise InvalidValue("Invalid order_by entity type 'dataset'")
        if entity == "attribute":
            columns += _attribute(wanted)
        else:
            join, own = _logged(entity, wanted, keys, f"s{number}")
            joins += join
            columns += own
    named = {column for column, _ in columns}
    last = [column for column in LAST if column[0] not in named]
    return Sorting(joins, (*columns, *last))


def _attribute(wanted: OrderKey) -> list[Column]:
    name = attribute_name(wanted.key)
    column = TEXT_ATTRIBUTES.get(name) or NUMBER_ATTRIBUTES[name]
    if name == "end_time":
        rank = f"CASE WHEN {column} IS NULL THEN 1 ELSE 0 END"
        return [(rank, False), (f"COALESCE({column}, 0)", wanted.descending)]
    return [(column, wanted.descending)]


def _logged(
    entity: str, wanted: OrderKey, keys: Keys, alias: str
) -> tuple[Sql, list[Column]]:
    key = keys.id_of(wanted.key)
    if key is None:  # no run has it, so all are equal
        return Sql(""), []
    join = (
        f" LEFT JOIN {_TABLES[entity]} {alias} ON {alias}.run_id = r.id"
        f" AND {alias}.key_id = %s"
    )
    nan = ""
    blank = "''"
    if entity == "metric":
        join += f" AND {newest(alias)}"
        nan, blank = f" WHEN {alias}.is_nan THEN 1", "0"
    rank = f"CASE WHEN {alias}.run_id IS NULL THEN 2{nan} ELSE 0 END"
    value = f"COALESCE({alias}.value, {blank})"
    return Sql(join, (key,)), [(rank, False), (value, wanted.descending)]
