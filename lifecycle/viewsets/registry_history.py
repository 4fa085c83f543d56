"""The history of a model's stages and aliases over REST."""

from datetime import UTC, datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.models import RegisteredModel
from lifecycle.registry_history import snapshot
from lifecycle.serializers.registry_history import ModelHistorySerializer
from lifecycle.viewsets.base import TAGS
from mlops.core.errors import BadQuery
from mlops.core.viewsets import ApiViewSet

_AT = OpenApiParameter(
    "at",
    {"type": "string", "minLength": 1, "format": "date-time"},
    description=(
        "The requested time (RFC 3339); of a date, the end of that day in UTC;"
        " now, if left out."
    ),
)


class ModelHistoryViewSet(ApiViewSet):
    permission_model = "lifecycle.modelversion"
    action_permissions = {"history": "view"}
    serializer_class = ModelHistorySerializer
    query_parameters = ("at",)

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
    text = request.query_params.get("at")
    if text is None:
        return timezone.now()
    try:
        day = parse_date(text)
        moment = (
            datetime.combine(day, time.max)
            if day
            else parse_datetime(text.replace(" ", "+"))
        )
    except ValueError:
        moment = None
    if moment is None:
        raise BadQuery("at must be a time such as 2026-11-22T12:00:00Z.", field="at")
    try:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except OverflowError:
        raise BadQuery("at is beyond the calendar.", field="at") from None
