"""Sign-in, the own account, personal tokens, the audit trail."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from mlops.core import audit, headers, sessions
from mlops.core.account.filters import AuditFilter
from mlops.core.account.serializers import (
    AuditEntrySerializer,
    IssuedTokenSerializer,
    LoginSerializer,
    PairSerializer,
    TokenCreateSerializer,
    TokenSerializer,
    UserSerializer,
)
from mlops.core.authentication import (
    ACCESS_COOKIE,
    REFRESH_COOKIE,
    is_known,
    require_known_origin,
)
from mlops.core.browser_sessions import hand_back
from mlops.core.errors import Forbidden
from mlops.core.json import FormParser, JSONParser
from mlops.core.models import ApiToken, AuditEntry, User
from mlops.core.queries import truth
from mlops.core.schema.parameters import header_parameter
from mlops.core.serializers import validated
from mlops.core.viewsets import ApiViewSet, created

_REFRESH = header_parameter(headers.REFRESH_TOKEN)
_COOKIES = OpenApiParameter(
    "cookies",
    OpenApiTypes.BOOL,
    OpenApiParameter.QUERY,
    description=(
        "Whether the answer sets both tokens as httpOnly cookies, for pages of this "
        "server or of an allowed origin; 403 for others. Off by default."
    ),
)


class SessionViewSet(ApiViewSet):
    """Access and refresh tokens for an account and its password; nothing is cached.

    Public: credentials of the request are ignored. Not atomic: the count of failed
    logins, and the end of a token family, must outlive the failure.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    permission_model = None
    parser_classes = [FormParser, JSONParser]
    takes_keys = False
    atomic_writes = False

    @extend_schema(
        operation_id="authLogin",
        summary="Login",
        tags=["Auth"],
        parameters=[_COOKIES],
        request={"application/x-www-form-urlencoded": LoginSerializer},
        responses=PairSerializer,
        auth=[],
    )
    def login(self, request: Request) -> Response:
        """Takes the OAuth2 form, or the same fields as JSON."""
        sets_cookies = truth(request, "cookies", default=False)
        if sets_cookies:
            require_known_origin(request)
        form = validated(LoginSerializer, request)
        pair = sessions.sign_in(form["username"], form["password"])
        response = Response(PairSerializer(pair).data)
        if sets_cookies:
            hand_back(response, pair, secure=request.is_secure())
        return response

    @extend_schema(
        operation_id="authRefreshToken",
        summary="Refresh Token",
        tags=["Auth"],
        parameters=[_REFRESH],
        request=None,
        responses=PairSerializer,
        auth=[],
    )
    def refresh(self, request: Request) -> Response:
        """Exchanges the refresh token; the one that was sent is used up.

        Sent again within 30 seconds it gets the same next one, so that two tabs may
        renew at once; sent again later it ends the sign-in, for whoever has any of
        its refresh tokens. What came as a cookie goes back as one.
        """
        given = request.headers.get(headers.REFRESH_TOKEN.name, "").strip()
        if not given and REFRESH_COOKIE in request.COOKIES:
            require_known_origin(request)
        pair = sessions.renew(given or request.COOKIES.get(REFRESH_COOKIE, ""))
        response = Response(PairSerializer(pair).data)
        if not given:
            hand_back(response, pair, secure=request.is_secure())
        return response


class _AnyAnswer(DefaultContentNegotiation):
    """Refuses no `Accept`: there is nothing in the answer."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class SignOutViewSet(SessionViewSet):
    """Signing out what is not signed in is done already; it is never refused."""

    throttle_classes = []
    content_negotiation_class = _AnyAnswer

    @extend_schema(
        operation_id="authLogout",
        summary="Logout",
        tags=["Auth"],
        parameters=[_REFRESH],
        request=None,
        responses={204: None},
        auth=[{"OAuth2PasswordBearer": []}, {}],  # type: ignore[list-item]  # as OpenAPI
    )
    def logout(self, request: Request) -> Response:
        """Ends the refresh token that is sent, if it is one, and deletes the cookies.

        Always 204. An access token that was taken before lives to its end. A page of
        an origin that is not allowed signs nobody out.
        """
        response = Response(status=204)
        origin = request.headers.get("Origin")
        if origin is not None and not is_known(origin, request):
            return response
        sessions.sign_out(
            request.headers.get(headers.REFRESH_TOKEN.name)
            or request.COOKIES.get(REFRESH_COOKIE)
        )
        for name in (ACCESS_COOKIE, REFRESH_COOKIE):
            response.delete_cookie(name, samesite="Lax")
        return response


class MeViewSet(ApiViewSet):
    permission_model = None

    @extend_schema(
        operation_id="userGetUserMe",
        summary="Get User Me",
        tags=["User"],
        responses=UserSerializer,
    )
    def me(self, request: Request) -> Response:
        """Returns the account that asks."""
        return Response(UserSerializer(_person(request)).data)


class TokenViewSet(ApiViewSet):
    """The caller's own tokens; those of others are not found."""

    permission_model = None
    takes_keys = False
    pagination_class = None
    untagged = frozenset({"destroy"})
    queryset = ApiToken.objects.none()

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=_person(self.request))

    @extend_schema(
        operation_id="listApiTokens",
        summary="List Api Tokens",
        tags=["Auth"],
        responses=TokenSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns one's own tokens without their texts, newest first."""
        tokens = self.filter_queryset(self.get_queryset())
        return Response(TokenSerializer(tokens, many=True).data)

    @extend_schema(
        operation_id="createApiToken",
        summary="Create Api Token",
        description="The answer holds the token's text, which is never shown again.",
        tags=["Auth"],
        request=TokenCreateSerializer,
        responses={201: IssuedTokenSerializer},
    )
    def create(self, request: Request) -> Response:
        if isinstance(request.auth, ApiToken):
            raise Forbidden("Sign in with your password to make tokens.")
        user = _person(request)
        token, text = ApiToken.issue(user, **validated(TokenCreateSerializer, request))
        audit.record("issue", token, by=user, changes={"scopes": token.scopes})
        token.token = text  # type: ignore[attr-defined]  # shown once, never stored
        return created(IssuedTokenSerializer(token).data)

    @extend_schema(
        operation_id="revokeApiToken",
        summary="Revoke Api Token",
        tags=["Auth"],
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Closes one of one's own tokens for good. It stays in the list."""
        token: ApiToken = self.get_object()
        token.revoke()
        audit.record("revoke", token, by=_person(request))
        return Response(status=204)


class AuditViewSet(ApiViewSet):
    """The audit trail, newest first. There is no way to change it."""

    permission_model = "core.auditentry"
    queryset = AuditEntry.objects.select_related("actor")
    filterset_class = AuditFilter
    serializer_class = AuditEntrySerializer

    @extend_schema(
        operation_id="listAuditEntries",
        summary="List Audit Entries",
        tags=["Audit"],
        responses=AuditEntrySerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns the entries of the trail that meet all filters, newest first.

        With `after` they are the ones behind an entry, oldest first, so that a program
        can follow what happens.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AuditEntrySerializer(page, many=True).data)


def _person(request: Request) -> User:
    """Return the signed-in user; in open mode nobody has an account."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
