"""Sign-in, the caller's own account and tokens, and the audit trail."""

from mlops.core.account.viewsets import (
    AuditViewSet,
    DoorViewSet,
    MeViewSet,
    SessionViewSet,
    TokenViewSet,
)
from mlops.core.routes import Route, mount

ROUTES = [
    Route("auth/login", DoorViewSet, {"post": "login"}),
    Route("auth/refresh", DoorViewSet, {"post": "refresh"}),
    Route("auth/logout", SessionViewSet, {"post": "logout"}),
    Route("auth/tokens", TokenViewSet, {"get": "list", "post": "create"}),
    Route("auth/tokens/<uuid:pk>", TokenViewSet, {"delete": "destroy"}),
    Route("users/me", MeViewSet, {"get": "me"}),
    Route("audit", AuditViewSet, {"get": "list"}),
]

urlpatterns = mount(ROUTES, "")
