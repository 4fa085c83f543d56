"""Sign-in, the caller's own account and tokens, and the audit trail."""

from mlops.core.account.viewsets import (
    AuditViewSet,
    DoorViewSet,
    MeViewSet,
    SessionViewSet,
    TokenViewSet,
)
from mlops.core.routes import documented

urlpatterns = [
    *documented("auth/login", DoorViewSet, {"post": "login"}),
    *documented("auth/refresh", DoorViewSet, {"post": "refresh"}),
    *documented("auth/logout", SessionViewSet, {"post": "logout"}),
    *documented("auth/tokens", TokenViewSet, {"get": "list", "post": "create"}),
    *documented("auth/tokens/<uuid:pk>", TokenViewSet, {"delete": "destroy"}),
    *documented("users/me", MeViewSet, {"get": "me"}),
    *documented("audit", AuditViewSet, {"get": "list"}),
]
