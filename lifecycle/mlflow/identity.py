"""Authentication of the caller, cached for a few seconds.

A training run sends thousands of small requests with one token. Looking the token
up each time would cost more than the work, and a password check a thousand times
more; so what a header opened is remembered for `REMEMBERED_S`. A revoked token, a
changed password or role is noticed after that time at the latest.
"""

import hashlib
import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from lifecycle.mlflow.errors import Denied, Unauthenticated
from lifecycle.mlflow.page_requests import RENEWED, is_for_pages
from mlops.core.authentication import SAFE_METHODS, user_of_request
from mlops.core.browser_sessions import cookies_of, is_from_own_page, visitor_of
from mlops.core.models import User

REMEMBERED_S: Final = 5.0
_MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class MlflowCaller:
    """The caller. `user` is None in open mode, where everybody may do everything."""

    user: User | None
    permissions: frozenset[str]
    may_all: bool

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None

    def may(self, permission: str) -> bool:
        """Return whether the caller has the permission; "" requires none."""
        return self.may_all or not permission or permission in self.permissions


_OPEN = MlflowCaller(None, frozenset(), may_all=True)
_remembered: dict[bytes, tuple[float, MlflowCaller]] = {}
_lock = Lock()


def caller_of(request: HttpRequest, *, writes: bool) -> MlflowCaller:
    """Return who sent the request. Raises Unauthenticated or AuthenticationFailed."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        if caller := _by_cookies(request):
            return caller
        if settings.OPEN_MODE:
            return _OPEN
        if is_for_pages(request.path_info):
            raise Unauthenticated(
                "You are not signed in, or no longer. Load the page again to sign in."
            )
        raise Unauthenticated(
            "Sign in: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD."
        )
    key = hashlib.sha256(b"w" + header.encode() if writes else header.encode()).digest()
    if known := _recalled(key):
        return known
    caller = _look_up(request, writes=writes)
    _remember(key, caller)
    return caller


def forget() -> None:
    """Forget everybody, so that the next request of each is looked up anew."""
    with _lock:
        _remembered.clear()


def _by_cookies(request: HttpRequest) -> MlflowCaller | None:
    """Return who is signed in on MLflow's own pages; None without our cookies.

    Browsers send cookies on their own, so what is not a GET must come from a page of
    this server. Raises Denied for others.
    """
    if not is_for_pages(request.path_info) or not (cookies := cookies_of(request)):
        return None
    if request.method not in SAFE_METHODS and not is_from_own_page(request):
        raise Denied("With a cookie, only the pages of this server may ask for this.")
    key = hashlib.sha256(b"c" + "\0".join(cookies).encode()).digest()
    if known := _recalled(key):
        return known
    visitor = visitor_of(request)
    if visitor is None:
        return None
    caller = _caller(visitor.user)
    if visitor.renewed is None:
        _remember(key, caller)
    else:
        request.META[RENEWED] = visitor.renewed
    return caller


def _look_up(request: HttpRequest, *, writes: bool) -> MlflowCaller:
    user = user_of_request(request, scope="write" if writes else "read")
    if user is None:
        raise Unauthenticated("These credentials are not valid.")
    return _caller(user)


def _caller(user: User) -> MlflowCaller:
    return MlflowCaller(
        user=user,
        permissions=frozenset(user.get_all_permissions()),
        may_all=user.is_superuser,
    )


def _recalled(key: bytes) -> MlflowCaller | None:
    known = _remembered.get(key)
    if known is None or known[0] <= time.monotonic():
        return None
    return known[1]


def _remember(key: bytes, caller: MlflowCaller) -> None:
    with _lock:
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[key] = (time.monotonic() + REMEMBERED_S, caller)
