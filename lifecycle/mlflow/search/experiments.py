"""Searching experiments."""

from typing import Final

from django.db.models import Q

from lifecycle.mlflow import checks
from lifecycle.mlflow.search import lookups  # noqa: F401 - registers LIKE
from lifecycle.mlflow.search.entities import Paging, SearchSchema, columns_of, condition
from lifecycle.mlflow.search.order import parse_order
from lifecycle.mlflow.search.sql import bad_comparator
from lifecycle.mlflow.search.syntax import FilterClause, parse
from lifecycle.models import Experiment, ExperimentTag

_TIMES: Final = {"creation_time": "created_at", "last_update_time": "updated_at"}
_ORDER: Final = {"name": "name", "experiment_id": "pk", **_TIMES}


def search_experiments(
    *, view: str, text: str, order_by: list[str], limit: int, token: str
) -> tuple[list[Experiment], str]:
    """Return a page of experiments and the next token; newest first by default."""
    schema = SearchSchema(
        what="experiment",
        texts={"name": "name"},
        own_clauses={"experiment_id": _by_id},
        times=_TIMES,
        tags=ExperimentTag.objects.all(),
        owner="experiment",
        tag_key="key__name",
    )
    rows = Experiment.objects.filter(condition(parse(text), schema))
    if view != "ALL":
        rows = rows.filter(deleted_at__isnull=view == "ACTIVE_ONLY")
    order = parse_order(order_by)
    last = [("pk", True)] if order else [("created_at", True), ("pk", True)]
    columns = columns_of(order, _ORDER, last)
    paging = Paging(f"experiments:{view}", columns, limit, token)
    return paging.page(rows.prefetch_related("tags__key"))


def _by_id(clause: FilterClause) -> Q:
    """Experiment ids are text on the wire and numbers here."""
    value = clause.value if isinstance(clause.value, tuple) else (str(clause.value),)
    among = Q(pk__in=[checks.experiment_id(text) for text in value])
    if clause.comparator in {"=", "IN"}:
        return among
    if clause.comparator in {"!=", "NOT IN"}:
        return ~among
    raise bad_comparator(clause.comparator, ["=", "!=", "IN", "NOT IN"])
