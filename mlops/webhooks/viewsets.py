"""Webhooks by REST: what they are told, what was sent, and sending it again."""

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from mlops.core.errors import NotFound
from mlops.core.ids import as_uuid
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created
from mlops.webhooks.filters import DeliveryFilter
from mlops.webhooks.kinds import KINDS
from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.sending import send_test
from mlops.webhooks.serializers import (
    KindSerializer,
    NewWebhookSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    TestedSerializer,
    WebhookCreateSerializer,
    WebhookDeliverySerializer,
    WebhookMessageSerializer,
    WebhookRotateSecretSerializer,
    WebhookSerializer,
    WebhookUpdateSerializer,
)

ROUTE = "/api/v1/webhooks"
TAGS = ["Webhooks"]
_ID = OpenApiParameter(
    "webhook_id",
    UUID,
    OpenApiParameter.PATH,
    description="What `listWebhooks` shows as `id`.",
)
_DELIVERY = OpenApiParameter(
    "delivery_id",
    UUID,
    OpenApiParameter.PATH,
    description="What `listWebhookDeliveries` shows as `id`.",
)


class WebhookViewSet(ApiViewSet):
    """Looks addresses up, and calls them, which no transaction waits for."""

    permission_model = "webhooks.webhook"
    action_permissions = {
        "test": "change",
        "replay": "change",
        "rotate_secret": "change",
    }
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.detailed()
    atomic_writes = False
    takes_keys = False

    def find_object(self) -> Webhook:
        return Webhook.objects.find(self.kwargs["webhook_id"])

    @extend_schema(
        operation_id="listWebhooks",
        summary="List Webhooks",
        tags=TAGS,
        responses=WebhookSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns all webhooks by name, without their secrets."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(WebhookSerializer(page, many=True).data)

    @extend_schema(
        operation_id="createWebhook",
        summary="Create Webhook",
        tags=TAGS,
        request=WebhookCreateSerializer,
        responses={201: NewWebhookSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes a webhook, which is told what happens from now on.

        Messages are CloudEvents 1.0 in JSON, signed as Standard Webhooks say.
        """
        body = validated(WebhookCreateSerializer, request)
        made = Webhook.add(by=actor(request), **body)
        context = {} if "secret" in body else {"secret": made.secret}
        shown = Webhook.objects.detailed().get(pk=made.pk)
        answer = NewWebhookSerializer(shown, context=context).data
        return created(answer, location=f"{ROUTE}/{made.pk}")

    @extend_schema(
        operation_id="getWebhook",
        summary="Get Webhook",
        tags=TAGS,
        parameters=[_ID],
        responses=WebhookSerializer,
    )
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        """Returns one webhook, without its secret."""
        return Response(WebhookSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="updateWebhook",
        summary="Update Webhook",
        tags=TAGS,
        parameters=[_ID],
        request=WebhookUpdateSerializer,
        responses=WebhookSerializer,
    )
    def partial_update(self, request: Request, webhook_id: str) -> Response:
        """Changes what is given. It is called again at once if it was left alone."""
        body = validated(WebhookUpdateSerializer, request, partial=True)
        changed = self.get_object().change(by=actor(request), **body)
        return Response(WebhookSerializer(changed).data)

    @extend_schema(
        operation_id="deleteWebhook",
        summary="Delete Webhook",
        tags=TAGS,
        parameters=[_ID],
        responses={204: None},
    )
    def destroy(self, request: Request, webhook_id: str) -> Response:
        """Deletes a webhook with its messages."""
        self.get_object().remove(by=actor(request))
        return Response(status=204)

    @extend_schema(
        operation_id="testWebhook",
        summary="Test Webhook",
        tags=TAGS,
        parameters=[_ID],
        request=None,
        responses=TestedSerializer,
    )
    def test(self, request: Request, webhook_id: str) -> Response:
        """Sends a message of type `mlops.webhook.tested` now; says how it went."""
        outcome = send_test(self.get_object())
        seen = {"has_arrived": not outcome.error, "status": outcome.status}
        return Response(TestedSerializer({**seen, "error": outcome.error}).data)

    @extend_schema(
        operation_id="rotateWebhookSecret",
        summary="Rotate Webhook Secret",
        tags=TAGS,
        parameters=[_ID],
        request=WebhookRotateSecretSerializer,
        responses=NewWebhookSerializer,
    )
    def rotate_secret(self, request: Request, webhook_id: str) -> Response:
        """Signs by a new secret, and for a while by the one before it as well.

        A secret that was to be kept for longer is kept no more. A webhook in MLflow's
        format has one signature: change its secret instead.
        """
        body = validated(WebhookRotateSecretSerializer, request)
        hours = body.pop("keep_hours", None)
        keep = {} if hours is None else {"keep_for": timedelta(hours=hours)}
        webhook = self.get_object()
        webhook.rotate_secret(by=actor(request), **body, **keep)
        context = {} if "secret" in body else {"secret": webhook.secret}
        return Response(NewWebhookSerializer(webhook, context=context).data)

    @extend_schema(
        operation_id="replayWebhook",
        summary="Replay Webhook",
        tags=TAGS,
        parameters=[_ID],
        request=ReplaySerializer,
        responses={202: ReplayedSerializer},
    )
    def replay(self, request: Request, webhook_id: str) -> Response:
        """Tells a part of the audit trail (again): 10,000 entries at most."""
        body = validated(ReplaySerializer, request)
        webhook = self.get_object()
        count = WebhookDelivery.replay_trail(webhook, by=actor(request), **body)
        return Response(ReplayedSerializer({"messages": count}).data, status=202)


class WebhookKindViewSet(ApiViewSet):
    """The table of kinds, the same for all webhooks."""

    permission_model = "webhooks.webhook"
    serializer_class = KindSerializer
    queryset = Webhook.objects.none()
    pagination_class = None

    @extend_schema(
        operation_id="listWebhookKinds",
        summary="List Webhook Kinds",
        tags=TAGS,
        responses=KindSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns every kind of event, and what it means."""
        self.filter_queryset(self.get_queryset())
        return Response(KindSerializer(KINDS.values(), many=True).data)


class WebhookDeliveryViewSet(ApiViewSet):
    """The log of what a webhook was sent."""

    permission_model = "webhooks.webhookdelivery"
    action_permissions = {"replay": "change"}
    serializer_class = WebhookDeliverySerializer
    queryset = WebhookDelivery.objects.all()
    filterset_class = DeliveryFilter

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        if getattr(self, "swagger_fake_view", False):
            return WebhookDelivery.objects.none()
        return Webhook.objects.find(self.kwargs["webhook_id"]).deliveries.all()

    def find_object(self) -> WebhookDelivery:
        known = as_uuid(self.kwargs["delivery_id"])
        found = self.get_queryset().filter(pk=known).first() if known else None
        if found is None:
            raise NotFound("There is no such message of this webhook.")
        return found

    @extend_schema(
        operation_id="listWebhookDeliveries",
        summary="List Webhook Deliveries",
        tags=TAGS,
        parameters=[_ID],
        responses=WebhookDeliverySerializer(many=True),
    )
    def list(self, request: Request, webhook_id: str) -> Response:
        """Returns the messages of 30 days and all that wait, the newest event first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        shown = WebhookDeliverySerializer(page, many=True).data
        return self.get_paginated_response(shown)

    @extend_schema(
        operation_id="getWebhookDelivery",
        summary="Get Webhook Delivery",
        tags=TAGS,
        parameters=[_ID, _DELIVERY],
        responses=WebhookMessageSerializer,
    )
    def retrieve(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """Returns one message with the body that is sent."""
        return Response(WebhookMessageSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="replayWebhookDelivery",
        summary="Replay Webhook Delivery",
        tags=TAGS,
        parameters=[_ID, _DELIVERY],
        request=None,
        responses={202: WebhookDeliverySerializer},
    )
    def replay(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """Sends one message again, under the same id, whatever became of it."""
        delivery = self.get_object()
        delivery.replay(by=actor(request))
        return Response(WebhookDeliverySerializer(delivery).data, status=202)
