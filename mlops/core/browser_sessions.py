"""Who a browser is signed in as by its cookies, for views that are not DRF's."""

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import AuthenticationFailed

from mlops.core import sessions
from mlops.core.authentication import (
    ACCESS_COOKIE,
    REFRESH_COOKIE,
    authenticate_token,
)
from mlops.core.errors import TokenRefused
from mlops.core.models import TOKEN_MARK, User
from mlops.core.sessions import TokenPair


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person, and the tokens to hand back where the old ones had ended."""

    user: User
    renewed: TokenPair | None = None


def cookies_of(request: HttpRequest) -> tuple[str, ...]:
    """Return the cookies that may sign somebody in; none of them may be there."""
    names = (ACCESS_COOKIE, REFRESH_COOKIE, settings.SESSION_COOKIE_NAME)
    found = tuple(request.COOKIES.get(name, "") for name in names)
    return found if any(found) else ()


def visitor_of(request: HttpRequest) -> Visitor | None:
    """Return whom the cookies sign in: by access token, refresh token or session.

    A refresh token is exchanged: its successor must be handed back (`hand_back`).
    """
    if user := _of_access_token(request.COOKIES.get(ACCESS_COOKIE, "")):
        return Visitor(user)
    if text := request.COOKIES.get(REFRESH_COOKIE, ""):
        try:
            pair = sessions.renew(text)
        except TokenRefused:
            pass
        else:
            return Visitor(pair.user, pair)
    return _of_session(request)


def hand_back(response: HttpResponseBase, pair: TokenPair, *, secure: bool) -> None:
    """Set both tokens as httpOnly cookies, out of reach of scripts."""
    for name, value in ((ACCESS_COOKIE, pair.access), (REFRESH_COOKIE, pair.refresh)):
        response.set_cookie(name, value, httponly=True, samesite="Lax", secure=secure)


def is_from_own_page(request: HttpRequest) -> bool:
    """Whether a page of this server sends the request; other sites' cannot claim it.

    Browsers say so in `Sec-Fetch-Site`; where they leave it out (plain HTTP to
    another machine), `Origin` has to be this server.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    own = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin") == own


def _of_access_token(text: str) -> User | None:
    if not text or text.startswith(f"{TOKEN_MARK}_"):
        return None
    try:
        return authenticate_token(text)[0]
    except AuthenticationFailed:
        return None


def _of_session(request: HttpRequest) -> Visitor | None:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    if not hasattr(request, "session"):  # the fast path passes by the middleware
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return Visitor(user) if isinstance(user, User) else None
