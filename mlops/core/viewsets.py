"""What every viewset of the API shares. Fetch, call, respond; no rules here."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from mlops.core.permissions import ActionPermissions


class ApiViewSet(GenericViewSet[Any]):
    """A viewset without verbs of its own; see `ActionPermissions` for its maps."""

    permission_classes = [ActionPermissions]
    permission_model: ClassVar[str | None]
    action_permissions: ClassVar[Mapping[str, str]] = {}
    sort_fields: ClassVar[Mapping[str, str]] = {}
    query_parameters: ClassVar[tuple[str, ...]] = ()


def created(data: Any, *, location: str = "") -> Response:
    """Return 201 with the new thing and, if it has one, its address."""
    headers = {"Location": location} if location else {}
    return Response(data, status=201, headers=headers)
