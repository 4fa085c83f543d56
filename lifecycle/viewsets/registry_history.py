"""The history of a model's stages and aliases over REST."""

from datetime import UTC, datetime, time

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.models import RegisteredModel
from lifecycle.registry_history import snapshot
from lifecycle.serializers.registry_history import ModelHistorySerializer
from lifecycle.viewsets.base import TAGS
from mlops.core import rfc3339
from mlops.core.errors import BadQuery
from mlops.core.queries import single
from mlops.core.viewsets import ApiViewSet

_AT = OpenApiParameter(
    "at",
    {"type": "string", "pattern": f"^({rfc3339.DATE}|{rfc3339.TIME})$"},
    description=(
        "The requested time (RFC 3339, with a zone); of a date, the end of that day "
        "in UTC; now, if left out."
    ),
)


class ModelHistoryViewSet(ApiViewSet):
    permission_model = "lifecycle.modelversion"
    action_permissions = {"history": "view"}
    serializer_class = ModelHistorySerializer
    query_parameters = ("at",)
    untagged = frozenset({"history"})

    @extend_schema(
        operation_id="getModelHistory",
        summary="Get Model History",
        tags=TAGS,
        parameters=[_AT],
        responses={200: ModelHistorySerializer},
    )
    def history(self, request: Request, model_name: str) -> Response:
        """Which version stood in which stage, and under which alias, at a moment."""
        model = RegisteredModel.objects.find(model_name)
        return Response(ModelHistorySerializer(snapshot(model, _moment(request))).data)


def _moment(request: Request) -> datetime:
    text = single(request, "at")
    if text is None:
        return timezone.now()
    if day := rfc3339.day(text):
        return datetime.combine(day, time.max, tzinfo=UTC)
    if found := rfc3339.asked(text):
        return found
    raise BadQuery(
        "at must be a date, or a time such as 2026-11-22T12:00:00Z.", field="at"
    )
