"""Tells drf-spectacular how callers sign in; loaded by the app's configuration."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
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
