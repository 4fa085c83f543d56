"""The OpenAPI document: names, security and error answers of every operation."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class ApiSchema(AutoSchema):
    """drf-spectacular's schema, with what is true of all our operations."""

    def get_summary(self) -> str | None:
        return super().get_summary()


def profile_default(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Return the document of the present frontend."""
    return result
