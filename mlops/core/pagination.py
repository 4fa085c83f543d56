"""Bare arrays with their total in a header, paged by page/limit or skip/limit."""

from typing import Any

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from mlops.core.errors import BadQuery

MAX_LIMIT = 1000
MAX_DIGITS = 10
MAX_POSITION = 10**9
PARAMETERS = ("page", "limit", "skip")


class ArrayPagination(BasePagination):
    """Answers the page's items as a bare array and the total as `X-Total-Count`.

    `page` counts from 1; `skip` passes over that many items before the first page.
    Without `limit` the documented cap (1,000 items) holds.
    """

    default_limit = MAX_LIMIT
    max_limit = MAX_LIMIT

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any]:
        limit = _number(request, "limit", self.default_limit, 1, self.max_limit)
        skip = _number(request, "skip", 0, 0, MAX_POSITION)
        if "page" in request.query_params:
            skip += (_number(request, "page", 1, 1, MAX_POSITION) - 1) * limit
        self.total = queryset.count()
        return list(queryset[skip : skip + limit])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data, headers={"X-Total-Count": str(self.total)})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "Page number, from 1.", 1, MAX_POSITION),
            _parameter(
                "limit",
                f"Items in one answer, at most {self.max_limit}.",
                1,
                self.max_limit,
            ),
            _parameter(
                "skip", "Items to pass over before the first page.", 0, MAX_POSITION
            ),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise BadQuery(
            f"{name} must be a whole number from {low} to {high}.", field=name
        )
    number = int(text)
    if not low <= number <= high:
        raise BadQuery(f"{name} must be between {low} and {high}.", field=name)
    return number


def _parameter(name: str, description: str, low: int, high: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", "minimum": low, "maximum": high},
    }
