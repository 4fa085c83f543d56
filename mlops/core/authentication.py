"""Who is calling: a bearer token (JWT or API token), a cookie, a session."""

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken

from mlops.core.models import TOKEN_MARK, ApiToken, User

COOKIE = "access_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` with an API token or a JWT."""

    def authenticate(self, request: Request) -> tuple[User, object] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return authenticate_token(token.strip())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class CookieAuthentication(BaseAuthentication):
    """The JWT in the httpOnly cookie that the frontend's sign-in sets.

    A browser sends cookies on its own, so an unsafe method must come from an
    origin on the allow-list.
    """

    def authenticate(self, request: Request) -> tuple[User, object] | None:
        token = request.COOKIES.get(COOKIE)
        if not token:
            return None
        if request.method not in SAFE_METHODS:
            _require_known_origin(request)
        return authenticate_token(token)


class SignedInSession(SessionAuthentication):
    """The admin's session, so that staff can try the API from its own pages."""


def authenticate_token(token: str) -> tuple[User, object]:
    """Return the user of an API token or access JWT. Raises AuthenticationFailed."""
    if token.startswith(f"{TOKEN_MARK}_"):
        found = ApiToken.objects.find(token)
        if found is None:
            raise AuthenticationFailed("This API token is unknown, expired or revoked.")
        found.note_use()
        return found.user, found
    jwt = JWTAuthentication()
    try:
        valid = jwt.get_validated_token(token.encode())
        return jwt.get_user(valid), valid  # type: ignore[return-value]  # our User
    except (InvalidToken, AuthenticationFailed, UnicodeEncodeError):
        raise AuthenticationFailed("This token is not valid or has expired.") from None


def _require_known_origin(request: Request) -> None:
    origin = request.headers.get("Origin", "")
    own = f"{request.scheme}://{request.get_host()}"
    if origin != own and origin not in settings.CORS_ALLOWED_ORIGINS:
        raise PermissionDenied("Writing with a cookie needs an allowed Origin.")
