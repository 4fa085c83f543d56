"""Searches over experiments and the registry: clauses to Q, keyset pages.

The same grammar as for runs; what an entity knows (its attributes and how its tags
are stored) comes in a `Schema`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, Final, TypeVar

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from lifecycle.mlflow import tokens
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.search.order import OrderKey
from lifecycle.mlflow.search.sql import NUMERIC, TEXTUAL, bad_comparator
from lifecycle.mlflow.search.syntax import All, AnyOf, FilterClause, Node

Row = TypeVar("Row")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOOKUPS: Final = {
    "=": "exact",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
}
_ATTRIBUTE: Final = frozenset({"", "attribute", "attributes", "attr"})
_TAG: Final = frozenset({"tag", "tags"})


@dataclass(frozen=True, slots=True)
class SearchSchema:
    """Searchable fields: wire names to columns.

    `times` are columns that hold moments and are searched in milliseconds. `tags` is
    the queryset of tag rows with `owner`, the column that names their owner, and
    `tag_key`, the column of the key. A tag in `absent_differs` counts as different
    from every value where it is absent.
    """

    what: str
    texts: Mapping[str, str]
    tags: QuerySet[Any]
    owner: str
    tag_key: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    absent_differs: frozenset[str] = frozenset()
    own_clauses: Mapping[str, Any] = field(default_factory=dict)


def condition(node: Node, schema: SearchSchema) -> Q:
    """Return the tree as one Q. Raises InvalidValue."""
    match node:
        case All(parts):
            return reduce(and_, [condition(part, schema) for part in parts], Q())
        case AnyOf(parts):
            return reduce(or_, [condition(part, schema) for part in parts])
        case FilterClause():
            return _clause(node, schema)


def text_q(column: str, clause: FilterClause) -> Q:
    """Return a comparison of text; LIKE minds the case."""
    comparator, value = clause.comparator, clause.value
    if clause.is_number or comparator not in TEXTUAL:
        if clause.is_number:
            raise InvalidValue(
                "Expected a quoted string value for attributes. Got value "
                f"{clause.value}"
            )
        raise bad_comparator(comparator, TEXTUAL)
    if isinstance(value, tuple):
        inside = Q(**{f"{column}__in": value})
        return ~inside if comparator == "NOT IN" else inside
    if comparator in {"LIKE", "ILIKE"}:
        return Q(**{f"{column}__mlflow_{comparator.lower()}": value})
    if comparator == "!=":
        return ~Q(**{column: value})
    return Q(**{column: value})


def number_q(column: str, clause: FilterClause, *, is_time: bool = False) -> Q:
    if clause.comparator not in NUMERIC:
        raise bad_comparator(clause.comparator, NUMERIC)
    if not clause.is_number:
        raise InvalidValue(
            f"Expected numeric value type for numeric attribute: {clause.key}. "
            f"Found {clause.value}"
        )
    if is_time:
        return _time_q(column, clause)
    value = float(str(clause.value))
    if clause.comparator in {"=", "!="}:
        # An integer column would cut the fraction off, and 3.5 would find 3.
        same = Q(**{column: value}) if value.is_integer() else Q(pk__in=())
        return same if clause.comparator == "=" else ~same
    return Q(**{f"{column}__{_LOOKUPS[clause.comparator]}": value})


@dataclass(frozen=True, slots=True)
class Paging:
    """A listing's order: (column, descending), the last of them unique."""

    kind: str
    columns: Sequence[tuple[str, bool]]
    limit: int
    token: str

    def page(self, rows: QuerySet[Any, Row]) -> tuple[list[Row], str]:
        """Return a page and the next page's token, "" at the end."""
        return self.cut(list(self.wanted(rows)))

    def wanted(self, rows: QuerySet[Any, Row]) -> QuerySet[Any, Row]:
        """Return the rows of the page in their order, and one more if there is one."""
        if self.token:
            rows = rows.filter(self._after(tokens.unseal(self._kind, self.token)))
        ordered = rows.order_by(
            *(F(name).desc() if down else F(name).asc() for name, down in self.columns)
        )
        return ordered[: self.limit + 1]

    def cut(self, found: list[Row]) -> tuple[list[Row], str]:
        """Return the page of what `wanted` found, and the next page's token."""
        if len(found) <= self.limit:
            return found, ""
        last = found[self.limit - 1]
        place = [_value(last, name) for name, _ in self.columns]
        return found[: self.limit], tokens.seal(self._kind, place)

    @property
    def _kind(self) -> str:
        return f"{self.kind}:{self.columns}"

    def _after(self, place: list[Any]) -> Q:
        after = Q()
        for (name, down), value in reversed(
            list(zip(self.columns, place, strict=True))
        ):
            beyond = Q(**{f"{name}__{'lt' if down else 'gt'}": value})
            after = beyond | (Q(**{name: value}) & after) if after else beyond
        return after


def columns_of(
    order: list[OrderKey], known: Mapping[str, str], last: Sequence[tuple[str, bool]]
) -> list[tuple[str, bool]]:
    """Return sort columns, ending with those of `last` that are not among them."""
    columns: list[tuple[str, bool]] = []
    if len({key.key for key in order}) < len(order):
        raise InvalidValue("`order_by` contains duplicate fields.")
    for key in order:
        if key.entity not in _ATTRIBUTE or key.key not in known:
            named = f"{key.entity}.{key.key}" if key.entity else key.key
            raise InvalidValue(
                f"Invalid order by key '{named}' specified. Invalid attribute key "
                f"'{named}' specified. Valid keys are '{sorted(known)}'"
            )
        columns.append((known[key.key], key.descending))
    named_columns = {name for name, _ in columns}
    return [*columns, *(item for item in last if item[0] not in named_columns)]


def _clause(clause: FilterClause, schema: SearchSchema) -> Q:
    if clause.entity in _TAG:
        return _tag_q(clause, schema)
    if clause.entity not in _ATTRIBUTE:
        raise InvalidValue(
            f"Invalid entity type '{clause.entity}'. Valid values are "
            "['attribute', 'tag']"
        )
    key = clause.key
    if key in schema.own_clauses:
        own: Q = schema.own_clauses[key](clause)
        return own
    if key in schema.texts:
        return text_q(schema.texts[key], clause)
    if key in schema.numbers:
        return number_q(schema.numbers[key], clause)
    if key in schema.times:
        return number_q(schema.times[key], clause, is_time=True)
    valid = sorted([*schema.texts, *schema.numbers, *schema.times, *schema.own_clauses])
    raise InvalidValue(
        f"Invalid attribute key '{key}' specified. Valid keys are '{valid}'"
    )


def _tag_q(clause: FilterClause, schema: SearchSchema) -> Q:
    rows = schema.tags.filter(
        **{schema.owner: OuterRef("pk"), schema.tag_key: clause.key}
    )
    if clause.comparator == "IS NULL":
        return Q(~Exists(rows))
    if clause.comparator == "IS NOT NULL":
        return Q(Exists(rows))
    if clause.is_number:
        raise InvalidValue(
            "Expected a quoted string value for tag (e.g. 'my-value'). Got value "
            f"{clause.value}"
        )
    matching = Q(Exists(rows.filter(text_q("value", clause))))
    if clause.key in schema.absent_differs and _holds_for_false(clause):
        return matching | Q(~Exists(rows))
    return matching


def _holds_for_false(clause: FilterClause) -> bool:
    """Return whether the clause would hold for a tag that says false."""
    wants_false = clause.comparator == "=" and clause.value == "false"
    return wants_false or (clause.comparator == "!=" and clause.value != "false")


def _time_q(column: str, clause: FilterClause) -> Q:
    """Compare whole milliseconds, as the wire shows them, with finer moments."""
    start = _moment(float(str(clause.value)))
    end = start + timedelta(milliseconds=1)
    match clause.comparator:
        case "=":
            return Q(**{f"{column}__gte": start, f"{column}__lt": end})
        case "!=":
            return Q(**{f"{column}__lt": start}) | Q(**{f"{column}__gte": end})
        case "<":
            return Q(**{f"{column}__lt": start})
        case "<=":
            return Q(**{f"{column}__lt": end})
        case ">":
            return Q(**{f"{column}__gte": end})
        case _:
            return Q(**{f"{column}__gte": start})


def _moment(milliseconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except OverflowError:
        raise InvalidValue(
            f"Invalid value {milliseconds} for a time in milliseconds."
        ) from None


def _value(row: object, name: str) -> Any:
    """Return a column of a model object or of a named row."""
    if hasattr(row, name):
        return getattr(row, name)
    value: Any = row
    for part in name.split("__"):
        value = getattr(value, part)
    return value
