"""Bare arrays with their total in a header, paged by page/limit or skip/limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.encoding import escape_uri_path
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from mlops.core.queries import whole

MAX_LIMIT = 1000
MAX_POSITION = 10**9
PARAMETERS = ("page", "limit", "skip")


Place = dict[str, int]
"""The query parameters that lead to a page."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which part of a list is shown, and where the others are.

    `number` is the page that was asked for, None of a client that pages by `skip`.
    """

    limit: int
    skip: int
    number: int | None

    @property
    def offset(self) -> int:
        return self.skip + ((self.number or 1) - 1) * self.limit

    def neighbours(self, total: int) -> Iterator[tuple[str, Place]]:
        """Yield rel and place of first, prev, next and last, where there are such."""
        return self._by_skip(total) if self.number is None else self._by_page(total)

    def _by_page(self, total: int) -> Iterator[tuple[str, Place]]:
        number = self.number or 1
        last = max(1, -(-(total - self.skip) // self.limit))
        yield "first", {"page": 1}
        if number > 1:
            yield "prev", {"page": min(number - 1, last)}
        if number < last:
            yield "next", {"page": number + 1}
        yield "last", {"page": last}

    def _by_skip(self, total: int) -> Iterator[tuple[str, Place]]:
        start = self.skip % self.limit
        first = {"skip": 0, "limit": start or self.limit}
        last = start + (total - 1 - start) // self.limit * self.limit
        yield "first", first
        if self.skip:
            before = min(self.skip, self.limit)
            yield "prev", {"skip": self.skip - before, "limit": before}
        if self.skip + self.limit < total:
            yield "next", {"skip": self.skip + self.limit, "limit": self.limit}
        yield "last", {"skip": last, "limit": self.limit} if total > start else first


class ArrayPagination(BasePagination):
    """Answers the page's items as a bare array; total and `Link` are headers.

    `page` counts from 1; `skip` passes over that many items before the first page.
    Without `limit` the documented cap (1,000 items) holds.
    """

    default_limit = MAX_LIMIT
    max_limit = MAX_LIMIT

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any]:
        limit = whole(
            request, "limit", default=self.default_limit, least=1, most=self.max_limit
        )
        skip = whole(request, "skip", default=0, least=0, most=MAX_POSITION)
        number = whole(request, "page", default=1, least=1, most=MAX_POSITION)
        asked = request.query_params
        by_page = "page" in asked or "skip" not in asked
        self.request = request
        self.page = ListPage(limit, skip, number if by_page else None)
        self.total = queryset.count()
        return list(queryset[self.page.offset : self.page.offset + limit])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data, headers=self.headers())

    def headers(self) -> dict[str, str]:
        """Return total and links; addresses are paths, as in `Location`."""
        path = escape_uri_path(self.request.path)
        links = []
        for rel, place in self.page.neighbours(self.total):
            query = self.request.query_params.copy()
            for name, value in place.items():
                query[name] = str(value)
            links.append(f'<{path}?{query.urlencode()}>; rel="{rel}"')
        return {"X-Total-Count": str(self.total), "Link": ", ".join(links)}

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


def _parameter(name: str, description: str, low: int, high: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", "minimum": low, "maximum": high},
    }
