"""The two lists of this app that the contract wants in an envelope."""

from typing import Any

from rest_framework.response import Response

from mlops.core.pagination import ArrayPagination


class EnvelopePagination(ArrayPagination):
    """Answers `{<envelope>: [...], "total": n}`; the view names the envelope."""

    def get_paginated_response(self, data: Any) -> Response:
        headers = {"X-Total-Count": str(self.total)}
        return Response({self.envelope: data, "total": self.total}, headers=headers)

    def paginate_queryset(
        self, queryset: Any, request: Any, view: Any = None
    ) -> list[Any]:
        self.envelope: str = view.envelope
        return super().paginate_queryset(queryset, request, view)
