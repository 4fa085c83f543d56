"""Sign-in, the caller's own account and tokens, and the audit trail."""

from mlops.core.account.viewsets import (
    AuditViewSet,
    MeViewSet,
    SessionViewSet,
    SignOutViewSet,
    TokenViewSet,
)
from mlops.core.routes import ApiRoute, mount

ROUTES = [
    ApiRoute("auth/login", SessionViewSet, {"post": "login"}),
    ApiRoute("auth/refresh", SessionViewSet, {"post": "refresh"}),
    ApiRoute("auth/logout", SignOutViewSet, {"post": "logout"}),
    ApiRoute("auth/tokens", TokenViewSet, {"get": "list", "post": "create"}),
    ApiRoute("auth/tokens/<str:pk>", TokenViewSet, {"delete": "destroy"}),
    ApiRoute("users/me", MeViewSet, {"get": "me"}),
    ApiRoute("audit", AuditViewSet, {"get": "list"}),
]

urlpatterns = mount(ROUTES, "")
