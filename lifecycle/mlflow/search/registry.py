"""Searching registered models and their versions."""

from functools import lru_cache
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db.models import Exists, OuterRef, Q, QuerySet

from lifecycle.mlflow.messages.registry import VersionRow, fetched, rows_of
from lifecycle.mlflow.search import lookups  # noqa: F401 - registers LIKE
from lifecycle.mlflow.search.entities import (
    Paging,
    SearchSchema,
    columns_of,
    condition,
    text_q,
)
from lifecycle.mlflow.search.order import parse_order
from lifecycle.mlflow.search.sql import bad_comparator
from lifecycle.mlflow.search.syntax import FilterClause, Node, clauses_of, parse
from lifecycle.models import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelTag,
)
from lifecycle.states import IS_PROMPT

Statement = tuple[str, tuple[Any, ...]]
_TIMES: Final = {
    "creation_timestamp": "created_at",
    "last_updated_timestamp": "updated_at",
}
_MODEL_ORDER: Final = {
    "name": "name",
    "timestamp": "updated_at",
    "last_updated_timestamp": "updated_at",
}
_VERSION_ORDER: Final = {"name": "model__name", "version_number": "number", **_TIMES}


def search_models(
    rows: QuerySet[RegisteredModel],
    *,
    text: str,
    order_by: list[str],
    limit: int,
    token: str,
) -> tuple[list[RegisteredModel], str]:
    """Return a page of registered models, by name by default, and the next token."""
    schema = SearchSchema(
        what="registered model",
        texts={"name": "name"},
        tags=RegisteredModelTag.objects.all(),
        owner="model",
        tag_key="key",
        absent_differs=frozenset({IS_PROMPT}),
    )
    rows = rows.filter(_wanted(parse(text), schema))
    columns = columns_of(parse_order(order_by), _MODEL_ORDER, [("name", False)])
    paging = Paging("registered-models", [*columns, ("pk", False)], limit, token)
    return paging.page(rows)


def search_versions(
    *, text: str, order_by: list[str], limit: int, token: str
) -> tuple[list[VersionRow], str]:
    """Return a page of versions, last updated first by default, and the token."""
    search = text, tuple(order_by), limit
    paging = _paging(tuple(order_by), limit, token)
    statement = _later_page(text, paging) if token else _first_page(*search)
    return paging.cut(fetched(*statement) if statement else [])


@lru_cache(maxsize=256)
def _first_page(text: str, order_by: tuple[str, ...], limit: int) -> Statement | None:
    """Return the statement of a search; the same question makes it only once."""
    return _later_page(text, _paging(order_by, limit, ""))


def _later_page(text: str, paging: Paging) -> Statement | None:
    """Return the statement of a page, None where nothing can be in it."""
    rows = rows_of(ModelVersion.objects.filter(_wanted(parse(text), _version_schema())))
    try:
        return paging.wanted(rows).query.sql_with_params()
    except EmptyResultSet:
        return None


def _paging(order_by: tuple[str, ...], limit: int, token: str) -> Paging:
    order = parse_order(list(order_by))
    last = [("model__name", False), ("number", True)]
    if not order:
        last = [("updated_at", True), *last]
    columns = columns_of(order, _VERSION_ORDER, last)
    return Paging("model-versions", columns, limit, token)


def _version_schema() -> SearchSchema:
    return SearchSchema(
        what="model version",
        texts={"name": "model__name", "source_path": "source"},
        numbers={"version_number": "number"},
        times=_TIMES,
        tags=ModelVersionTag.objects.all(),
        owner="version",
        tag_key="key",
        absent_differs=frozenset({IS_PROMPT}),
        own_clauses={"run_id": _by_run},
    )


def _wanted(tree: Node, schema: SearchSchema) -> Q:
    """Return the filter; prompts, which are models with a tag, only if it names it."""
    wanted = condition(tree, schema)
    if any(clause.key == IS_PROMPT for clause in clauses_of(tree)):
        return wanted
    tag = schema.tags.filter(
        **{schema.owner: OuterRef("pk")}, key=IS_PROMPT, value="true"
    )
    return wanted & Q(~Exists(tag))


def _by_run(clause: FilterClause) -> Q:
    """A run is known by its id here, or by the label of one that is not here."""
    if clause.comparator not in {"=", "!=", "IN", "NOT IN", "LIKE", "ILIKE"}:
        raise bad_comparator(clause.comparator, ["=", "!=", "IN", "NOT IN", "LIKE"])
    if clause.comparator in {"!=", "NOT IN"}:
        return text_q("run_label", clause) & (Q(run=None) | text_q("run__uid", clause))
    return text_q("run__uid", clause) | text_q("run_label", clause)
