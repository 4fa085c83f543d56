"""Searching traces: by attributes, tags, metadata, run and assessments."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigIntegerField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.search import lookups  # noqa: F401 - registers LIKE
from lifecycle.mlflow.search.entities import Paging, columns_of, number_q, text_q
from lifecycle.mlflow.search.order import OrderKey, parse_order
from lifecycle.mlflow.search.sql import bad_comparator
from lifecycle.mlflow.search.syntax import All, AnyOf, FilterClause, Node, parse
from lifecycle.models import Trace, TraceLink

_TEXTS: Final = {
    "request_id": "pk",
    "trace_id": "pk",
    "status": "status",
    "state": "status",
    "name": "name",
    "client_request_id": "client_request_id",
}
_NUMBERS: Final = {
    "timestamp": "requested_ms",
    "timestamp_ms": "requested_ms",
    "execution_time": "took_ms",
    "execution_time_ms": "took_ms",
    "end_time": "ended_ms",
    "end_time_ms": "ended_ms",
}
_ORDER: Final = {
    **_NUMBERS,
    "experiment_id": "experiment_id",
    "status": "status",
    "request_id": "pk",
    "trace_id": "pk",
    "name": "name",
    "run_id": "run_label",
}
_ATTRIBUTE: Final = frozenset({"", "attribute", "attributes", "attr", "trace"})
_JSON: Final = {
    "tag": "tags",
    "tags": "tags",
    "metadata": "metadata",
    "request_metadata": "metadata",
}
_NAME_TAG, _RUN_KEY = "mlflow.traceName", "mlflow.sourceRun"
_PREVIEWS: Final = ("name", "request_preview", "response_preview")


@dataclass(frozen=True, slots=True)
class TraceSearch:
    experiments: Sequence[int]
    text: str
    order_by: list[str]
    limit: int
    token: str


def search_traces(
    rows: QuerySet[Trace], wanted: TraceSearch
) -> tuple[list[Trace], str]:
    """Return a page of traces, newest first by default, and the next token."""
    reader = _TraceFilter()
    condition = reader.condition(parse(wanted.text))
    found = _with_times(rows).alias(**reader.texts)
    found = found.filter(condition, experiment_id__in=wanted.experiments)
    order = [_attribute_key(key) for key in parse_order(wanted.order_by)]
    last = [("pk", False)] if order else [("requested_ms", True), ("pk", False)]
    columns = columns_of(order, _ORDER, last)
    kind = f"traces:{sorted(wanted.experiments)}:{wanted.text}"
    return Paging(kind, columns, wanted.limit, wanted.token).page(found)


class _TextAt(Func):
    """The text under a key of a JSON object, None where there is none."""

    output_field = TextField()

    def __init__(self, column: str, key: str) -> None:
        super().__init__(F(column), Value(key))
        self.column, self.key = column, key

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_more: Any
    ) -> Any:
        return self.as_sql(
            compiler, connection, template="(%(expressions)s)", arg_joiner=" ->> "
        )

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_more: Any
    ) -> Any:
        path = Func(F(self.column), Value(f'$."{self.key}"'), function="JSON_EXTRACT")
        return compiler.compile(path.resolve_expression(compiler.query))


class _TraceFilter:
    """Reads a tree of clauses; `texts` are the expressions that its Q names."""

    def __init__(self) -> None:
        self.texts: dict[str, _TextAt] = {}

    def condition(self, node: Node) -> Q:
        match node:
            case All(parts):
                return reduce(and_, [self.condition(part) for part in parts], Q())
            case AnyOf(parts):
                return reduce(or_, [self.condition(part) for part in parts])
            case FilterClause():
                return self._clause(node)

    def _clause(self, clause: FilterClause) -> Q:
        if clause.entity in _ATTRIBUTE:
            return _attribute_q(clause)
        if (column := _JSON.get(clause.entity)) is not None:
            return self._entry_q(column, clause)
        raise InvalidValue(
            f"Invalid entity type '{clause.entity}'. Valid values are ['attribute', "
            "'trace', 'tag', 'metadata']. Spans are not searched here."
        )

    def _entry_q(self, column: str, clause: FilterClause) -> Q:
        if (column, clause.key) == ("tags", _NAME_TAG):
            return _name_q(clause)
        if (column, clause.key, clause.comparator) == ("metadata", _RUN_KEY, "="):
            return _run_q(clause)
        if '"' in clause.key or "\\" in clause.key:
            raise InvalidValue(f"No search names a key like {clause.key[:100]!r}.")
        name = f"text{len(self.texts)}"
        self.texts[name] = _TextAt(column, clause.key)
        if clause.comparator in {"IS NULL", "IS NOT NULL"}:
            return Q(**{f"{name}__isnull": clause.comparator == "IS NULL"})
        return text_q(name, clause) & Q(**{f"{name}__isnull": False})


def _attribute_q(clause: FilterClause) -> Q:
    key = clause.key
    if key == "run_id":
        return _run_q(clause)
    if key == "text":
        return _preview_q(clause)
    if key == "name":
        return _name_q(clause)
    if key in _NUMBERS:
        return number_q(_NUMBERS[key], clause)
    if key in _TEXTS:
        return text_q(_TEXTS[key], clause)
    valid = sorted([*_TEXTS, *_NUMBERS, "run_id", "text"])
    raise InvalidValue(
        f"Invalid attribute key '{key}' specified. Valid keys are '{valid}'"
    )


def _name_q(clause: FilterClause) -> Q:
    """A trace without a name has none that would be different."""
    if clause.comparator in {"IS NULL", "IS NOT NULL"}:
        return Q(name="") if clause.comparator == "IS NULL" else ~Q(name="")
    return text_q("name", clause) & ~Q(name="")


def _run_q(clause: FilterClause) -> Q:
    """The run in which a client traced, or one that the trace was linked to."""
    if clause.comparator not in {"=", "IN", "LIKE", "ILIKE"}:
        raise bad_comparator(clause.comparator, ["=", "IN", "LIKE", "ILIKE"])
    linked = TraceLink.objects.filter(text_q("run__uid", clause), trace=OuterRef("pk"))
    return text_q("run_label", clause) | Q(Exists(linked))


def _preview_q(clause: FilterClause) -> Q:
    """Look for text in name, request and response, as far as they are kept in short."""
    if clause.comparator not in {"LIKE", "ILIKE"}:
        raise bad_comparator(clause.comparator, ["LIKE", "ILIKE"])
    return reduce(or_, [text_q(column, clause) for column in _PREVIEWS])


def _with_times(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    """Add how long each took and when it ended; one that goes on ends at its start."""
    took = Coalesce("duration_ms", 0, output_field=BigIntegerField())
    # The sum of two would be one of 32 bits to Django, which no time is equal to.
    ended = ExpressionWrapper(F("requested_ms") + F("took_ms"), BigIntegerField())
    return rows.annotate(took_ms=took).annotate(ended_ms=ended)


def _attribute_key(key: OrderKey) -> OrderKey:
    """Return the key without `trace.`, the protocol's other word for an attribute."""
    if key.entity == "trace":
        return OrderKey("", key.key, key.descending)
    return key
