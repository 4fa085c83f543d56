"""Searching runs."""

from typing import Any

from django.db import connection

from lifecycle.mlflow import checks
from lifecycle.mlflow.endpoint import Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.fastpath.search import RunSearch, search_runs
from lifecycle.mlflow.limits import SEARCH_DEFAULT, SEARCH_MAX
from lifecycle.mlflow.search.order import parse_order
from lifecycle.mlflow.search.syntax import parse
from lifecycle.mlflow.views.experiments import view_type


def search(call: MlflowCall) -> Answer:
    """Return a page of runs; `run_info_only` (ours) leaves out what was logged."""
    fields = call.fields
    limit = fields.integer("max_results", SEARCH_DEFAULT) or 0
    if not 0 < limit <= SEARCH_MAX:
        raise InvalidValue(
            f"Invalid value {limit} for parameter 'max_results' supplied. It must be "
            f"a positive integer of at most {SEARCH_MAX}."
        )
    wanted = RunSearch(
        experiments=[
            checks.experiment_id(text) for text in fields.texts("experiment_ids")
        ],
        view=view_type(fields.values.get("run_view_type")),
        tree=parse(fields.text("filter")),
        order=parse_order(fields.texts("order_by")),
        limit=limit,
        token=fields.text("page_token"),
        info_only=fields.flag("run_info_only"),
    )
    with connection.cursor() as cursor:
        runs, token = search_runs(cursor, wanted)
    answer: dict[str, Any] = {"runs": runs} if runs else {}
    if token:
        answer["next_page_token"] = token
    return answer
