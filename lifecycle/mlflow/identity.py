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

from lifecycle.mlflow.errors import Unauthenticated
from mlops.core.authentication import user_of_request
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
        if settings.OPEN_MODE:
            return _OPEN
        raise Unauthenticated(
            "Sign in: set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD."
        )
    key = hashlib.sha256(b"w" + header.encode() if writes else header.encode()).digest()
    known = _remembered.get(key)
    now = time.monotonic()
    if known is not None and known[0] > now:
        return known[1]
    caller = _look_up(request, writes=writes)
    _remember(key, now + REMEMBERED_S, caller)
    return caller


def forget() -> None:
    """Forget everybody, so that the next request of each is looked up anew."""
    with _lock:
        _remembered.clear()


def _look_up(request: HttpRequest, *, writes: bool) -> MlflowCaller:
    user = user_of_request(request, scope="write" if writes else "read")
    if user is None:
        raise Unauthenticated("These credentials are not valid.")
    return MlflowCaller(
        user=user,
        permissions=frozenset(user.get_all_permissions()),
        may_all=user.is_superuser,
    )


def _remember(key: bytes, until: float, caller: MlflowCaller) -> None:
    with _lock:
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[key] = (until, caller)
