"""Who is calling: a bearer token (JWT or API token), Basic, a cookie, a session."""

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken

from mlops.core.models import TOKEN_MARK, ApiToken, Scope, User

ACCESS_COOKIE, REFRESH_COOKIE = "access_token", "refresh_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Found = tuple[User, object]


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` with an API token or a JWT."""

    def authenticate(self, request: Request) -> Found | None:
        scheme, token = _credentials(request)
        return authenticate_token(token) if scheme == "bearer" and token else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BasicAuthentication(BaseAuthentication):
    """`Authorization: Basic …` with an API token or the account's password."""

    def authenticate(self, request: Request) -> Found | None:
        scheme, encoded = _credentials(request)
        return authenticate_basic(encoded) if scheme == "basic" else None

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="api"'


class CookieAuthentication(BaseAuthentication):
    """The JWT in the httpOnly cookie that signing in sets.

    Browsers send cookies on their own, so an unsafe method must come from an allowed
    origin (CSRF).
    """

    def authenticate(self, request: Request) -> Found | None:
        token = request.COOKIES.get(ACCESS_COOKIE)
        if not token:
            return None
        if request.method not in SAFE_METHODS:
            require_known_origin(request)
        return authenticate_token(token)


class SignedInSession(SessionAuthentication):
    """The admin's session, so that staff can try the API in the browser."""


def user_of_request(request: HttpRequest, *, scope: str | None = None) -> User | None:
    """Return the caller of a plain Django request (views that are not DRF's).

    None only in open mode, without credentials. `scope` is what the token must
    allow; by default read or write, by the method. One indexed query per call.
    Raises AuthenticationFailed, PermissionDenied (scope) and Throttled.
    """
    scheme, text = _credentials(request)
    match scheme:
        case "bearer":
            found = authenticate_token(text)
        case "basic":
            found = authenticate_basic(text)
        case _ if settings.OPEN_MODE:
            return None
        case _:
            raise AuthenticationFailed("Sign in to use this.")
    require_scope(found[1], scope or scope_of(request.method))
    return found[0]


def scope_of(method: str | None) -> str:
    """Return the scope that a method needs."""
    return Scope.READ if method in SAFE_METHODS else Scope.WRITE


def require_scope(credential: object, scope: str) -> None:
    """Raise PermissionDenied when the credential is a token without the scope."""
    if isinstance(credential, ApiToken) and not credential.allows(scope):
        raise PermissionDenied(
            f"This API token is not made for {str(scope)!r}.", code="token_scope"
        )


def authenticate_token(token: str) -> Found:
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


def authenticate_basic(encoded: str) -> Found:
    """Return the user of Basic credentials. Raises AuthenticationFailed, Throttled.

    An API token must be its owner's: a name or address that is given has to fit.
    """
    try:
        name, _, password = (
            base64.b64decode(encoded, validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        raise AuthenticationFailed("These Basic credentials are malformed.") from None
    if "\0" in name:  # PostgreSQL cannot even look for it
        raise AuthenticationFailed("These Basic credentials are malformed.")
    if password.startswith(f"{TOKEN_MARK}_"):
        user, token = authenticate_token(password)
        if name not in {"", user.username} and User.meant_by(name) != user:
            raise AuthenticationFailed("This API token is not of this user.")
        return user, token
    return _by_password(name, password), None


def require_known_origin(request: Request) -> None:
    """Raise PermissionDenied unless a page of ours or on the allow-list asks."""
    if not is_known(request.headers.get("Origin", ""), request):
        raise PermissionDenied("Writing with a cookie needs an allowed Origin.")


def is_known(origin: str, request: Request) -> bool:
    """Say whether the pages of an origin may use the cookies of this server."""
    own = f"{request.scheme}://{request.get_host()}"
    return origin == own or origin in settings.CORS_ALLOWED_ORIGINS


def _credentials(request: Request | HttpRequest) -> tuple[str, str]:
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower(), rest.strip()


# Passwords are slow to check on purpose, and a program sends its own with every
# request. What was right stays right until the stored hash changes.
_RIGHT_BEFORE: OrderedDict[bytes, None] = OrderedDict()
_REMEMBERED = 1000


def _by_password(name: str, password: str) -> User:
    known = User.meant_by(name)
    is_open = known is not None and known.is_active
    if known and is_open and _proof(known, password) in _RIGHT_BEFORE:
        return known
    user = authenticate(username=name, password=password)
    if not isinstance(user, User):
        raise AuthenticationFailed("The account or the password is wrong.")
    _RIGHT_BEFORE[_proof(user, password)] = None
    while len(_RIGHT_BEFORE) > _REMEMBERED:
        _RIGHT_BEFORE.popitem(last=False)
    return user


def _proof(user: User, password: str) -> bytes:
    """Return a digest that only this password and the present hash can give."""
    key = hashlib.sha256(settings.SECRET_KEY.encode() + user.password.encode()).digest()
    return hmac.digest(key, password.encode(), "sha256")
