"""What the operations of lifecycle have in common: tags, given fields, rights."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from mlops.core.errors import Forbidden

TAGS = ["ML", "Model Lifecycle"]


def given(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those fields that the body has; null means the same as left out."""
    return {name: body[name] for name in names if body.get(name) is not None}


def require(request: Request, permission: str) -> None:
    """Raise Forbidden unless the caller has the permission; open mode lets all in."""
    user = request.user
    if user.is_authenticated and not user.has_perm(permission):
        raise Forbidden(f"This needs the permission {permission}.")
