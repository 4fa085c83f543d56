"""Tells drf-spectacular how callers sign in; loaded by the app's configuration."""

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiFilterExtension,
)

from mlops.core.filters import ORDERS


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # theirs
    """One scheme for JWT and API tokens; the cookie is the browser's own matter."""

    target_class = "mlops.core.authentication.BearerAuthentication"
    name = "OAuth2PasswordBearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "oauth2",
            "description": (
                "A token of /api/v1/auth/login, or a personal API token, as "
                "`Authorization: Bearer`. Browsers may send the httpOnly cookie "
                "`access_token` instead; programs may send an API token as the "
                "password of HTTP Basic."
            ),
            "flows": {"password": {"tokenUrl": "/api/v1/auth/login", "scopes": {}}},
        }


class QueryFilters(OpenApiFilterExtension):  # type: ignore[no-untyped-call]  # theirs
    """The filters and the sorting of `QueryFilterBackend`."""

    target_class = "mlops.core.filters.QueryFilterBackend"

    def get_schema_operation_parameters(
        self, auto_schema: Any, *args: Any, **kwargs: Any
    ) -> list[dict[str, Any]]:
        filters = DjangoFilterExtension(DjangoFilterBackend())  # type: ignore[no-untyped-call]  # theirs
        found: list[dict[str, Any]] = filters.get_schema_operation_parameters(  # type: ignore[no-untyped-call]  # theirs
            auto_schema
        )
        fields = sorted(getattr(auto_schema.view, "sort_fields", {}))
        if not fields:
            return found
        return [*found, _choice("sort_by", fields), _choice("sort_order", ORDERS)]


def _choice(name: str, values: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "string", "enum": values},
    }
