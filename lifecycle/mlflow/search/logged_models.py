"""Searching logged models."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from operator import and_, or_
from typing import Any, Final

import orjson
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from lifecycle.mlflow import tokens
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.fields import Fields
from lifecycle.mlflow.messages.logged_models import WIRE_OF_STATUS
from lifecycle.mlflow.search import lookups  # noqa: F401 - registers LIKE
from lifecycle.mlflow.search.entities import Paging, number_q, text_q
from lifecycle.mlflow.search.syntax import All, AnyOf, FilterClause, Node, parse
from lifecycle.models import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)

_TEXTS: Final = {
    "name": "name",
    "model_id": "pk",
    "model_type": "model_type",
    "status": "wire_status",
    "source_run_id": "wire_run_id",
}
_NUMBERS: Final = {
    "creation_timestamp": "created_ms",
    "creation_timestamp_ms": "created_ms",
    "creation_time": "created_ms",
    "last_updated_timestamp": "updated_ms",
    "last_updated_timestamp_ms": "updated_ms",
}
Column = tuple[str, bool]
_KIND: Final = "logged-models"
_REFUSALS: Final = (
    "Experiment IDs in the page token do not match the requested experiment IDs.",
    "Filter string in the page token does not match the requested filter string.",
    "Order by in the page token does not match the requested order by.",
)


@dataclass(frozen=True, slots=True)
class OnDataset:
    """A dataset that a metric must be of; the name or digest "" is any."""

    name: str
    digest: str = ""

    def q(self) -> Q:
        named = Q(dataset_name=self.name) if self.name else Q()
        return named & Q(dataset_digest=self.digest) if self.digest else named


@dataclass(frozen=True, slots=True)
class ModelSearch:
    experiments: Sequence[int]
    text: str
    datasets: Sequence[OnDataset]
    order: Sequence[Fields]
    limit: int
    token: str


def search_logged_models(
    rows: QuerySet[LoggedModel], wanted: ModelSearch
) -> tuple[list[LoggedModel], str]:
    """Return a page, newest first by default, and the next token."""
    on = reduce(or_, [dataset.q() for dataset in wanted.datasets], Q())
    rows = _with_wire_words(rows).filter(
        _condition(parse(wanted.text), on),
        experiment_id__in=wanted.experiments,
        deleted_ms=None,
    )
    if wanted.datasets:
        rows = rows.filter(Exists(_metrics().filter(on)))
    rows, columns = _ordered(rows, wanted.order)
    paging = Paging(_KIND, columns, wanted.limit, _opened(wanted))
    found, following = paging.page(rows)
    return found, following and tokens.seal(_KIND, [*_marks(wanted), following])


def _opened(wanted: ModelSearch) -> str:
    """Return the place in the token. Raises InvalidValue if another search got it."""
    if not wanted.token:
        return ""
    *marks, place = tokens.unseal(_KIND, wanted.token)
    for mark, own, refusal in zip(marks, _marks(wanted), _REFUSALS, strict=True):
        if mark != own:
            raise InvalidValue(refusal)
    return str(place)


def _marks(wanted: ModelSearch) -> list[str]:
    """Return what the pages of one search have in common, in short."""
    parts = (
        sorted(wanted.experiments),
        wanted.text,
        [dict(clause.values) for clause in wanted.order],
    )
    return [sha256(orjson.dumps(part)).hexdigest()[:16] for part in parts]


def _with_wire_words(rows: QuerySet[LoggedModel]) -> QuerySet[LoggedModel]:
    """Add the columns as the wire says them, so that filters compare those."""
    status = Case(
        *(When(status=ours, then=Value(wire)) for ours, wire in WIRE_OF_STATUS.items())
    )
    return rows.annotate(
        wire_status=status,
        wire_run_id=Coalesce("source_run__uid", "source_run_label"),
    )


def _condition(node: Node, on: Q) -> Q:
    match node:
        case All(parts):
            return reduce(and_, [_condition(part, on) for part in parts], Q())
        case AnyOf(parts):
            return reduce(or_, [_condition(part, on) for part in parts])
        case FilterClause():
            return _clause(node, on)


def _clause(clause: FilterClause, on: Q) -> Q:
    match clause.entity:
        case "metrics":
            rows = _metrics().filter(number_q("value", clause), on, key=clause.key)
            return Q(Exists(rows.filter(is_nan=False)))
        case "params":
            return _keyed(LoggedModelParam.objects.all(), clause)
        case "tags":
            return _keyed(LoggedModelTag.objects.all(), clause)
        case "attributes" | "":
            return _attribute(clause)
        case other:
            raise InvalidValue(
                f"Invalid entity type: {other!r}. Expected one of "
                "['attributes', 'metrics', 'params', 'tags']."
            )


def _attribute(clause: FilterClause) -> Q:
    if clause.key in _NUMBERS:
        return number_q(_NUMBERS[clause.key], clause)
    if clause.key not in _TEXTS:
        raise InvalidValue(
            f"Invalid attribute key '{clause.key}' specified. Valid keys are "
            f"'{sorted([*_TEXTS, *_NUMBERS])}'"
        )
    if clause.key == "status" and isinstance(clause.value, str):
        words = {str(ours): wire for ours, wire in WIRE_OF_STATUS.items()}
        value = words.get(clause.value, clause.value)
        clause = FilterClause(clause.entity, clause.key, clause.comparator, value)
    return text_q(_TEXTS[clause.key], clause)


def _keyed(rows: QuerySet[Any], clause: FilterClause) -> Q:
    own = rows.filter(model=OuterRef("pk"), key=clause.key)
    if clause.comparator == "IS NULL":
        return Q(~Exists(own))
    if clause.comparator == "IS NOT NULL":
        return Q(Exists(own))
    return Q(Exists(own.filter(text_q("value", clause))))


def _metrics() -> QuerySet[LoggedModelMetric]:
    return LoggedModelMetric.objects.filter(model=OuterRef("pk"))


def _ordered(
    rows: QuerySet[LoggedModel], order: Sequence[Fields]
) -> tuple[QuerySet[LoggedModel], list[Column]]:
    columns: list[Column] = []
    for number, clause in enumerate(order):
        name = clause.text("field_name", required=True)
        descending = not clause.flag("ascending", default=True)
        entity, dot, key = name.partition(".")
        if not dot or entity == "attributes":
            columns.append((_attribute_column(key or entity), descending))
        elif entity == "metrics":
            rows = _with_metric(rows, key, clause, number)
            columns += [(f"rank{number}", False), (f"value{number}", descending)]
        else:
            raise InvalidValue(
                f"Invalid order by field name: {name}. Only metrics are supported."
            )
    named = {column for column, _ in columns}
    last = [("created_ms", True), ("pk", False)]
    return rows, [*columns, *(column for column in last if column[0] not in named)]


def _attribute_column(key: str) -> str:
    column = _NUMBERS.get(key) or _TEXTS.get(key)
    if column is None:
        raise InvalidValue(f"Invalid order by field name: {key}")
    return column


def _with_metric(
    rows: QuerySet[LoggedModel], key: str, clause: Fields, number: int
) -> QuerySet[LoggedModel]:
    """Add the newest value of a metric, and a rank: NaN after values, absence last."""
    on = OnDataset(clause.text("dataset_name"), clause.text("dataset_digest"))
    points = _metrics().filter(on.q(), key=key)
    newest = points.order_by("-timestamp_ms", "-step", "run_id")
    value = Subquery(newest.values("value")[:1], output_field=FloatField())
    is_nan = Subquery(newest.values("is_nan")[:1], output_field=BooleanField())
    return rows.annotate(
        **{
            f"value{number}": Coalesce(value, 0.0),
            f"nan{number}": is_nan,
            f"rank{number}": Case(
                When(**{f"nan{number}": False}, then=0),
                When(**{f"nan{number}": True}, then=1),
                default=2,
                output_field=IntegerField(),
            ),
        }
    )
