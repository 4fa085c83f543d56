"""The addresses of webhooks."""

from mlops.core.routes import ApiRoute, mount
from mlops.webhooks.viewsets import (
    WebhookDeliveryViewSet,
    WebhookKindViewSet,
    WebhookViewSet,
)

_ONE = "webhooks/<str:webhook_id>"
ROUTES = [
    ApiRoute("webhooks", WebhookViewSet, {"get": "list", "post": "create"}),
    ApiRoute("webhooks/kinds", WebhookKindViewSet, {"get": "list"}),
    ApiRoute(
        _ONE,
        WebhookViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    ApiRoute(f"{_ONE}/test", WebhookViewSet, {"post": "test"}),
    ApiRoute(f"{_ONE}/rotate-secret", WebhookViewSet, {"post": "rotate_secret"}),
    ApiRoute(f"{_ONE}/replay", WebhookViewSet, {"post": "replay"}),
    ApiRoute(f"{_ONE}/deliveries", WebhookDeliveryViewSet, {"get": "list"}),
    ApiRoute(
        f"{_ONE}/deliveries/<str:delivery_id>",
        WebhookDeliveryViewSet,
        {"get": "retrieve"},
    ),
    ApiRoute(
        f"{_ONE}/deliveries/<str:delivery_id>/replay",
        WebhookDeliveryViewSet,
        {"post": "replay"},
    ),
]

urlpatterns = mount(ROUTES, "")
