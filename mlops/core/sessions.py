"""Signing in and out with a pair of tokens: a short one to use, a long one to renew."""

import logging
import uuid
from dataclasses import dataclass

from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import (
    BlacklistedToken,
    OutstandingToken,
)
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from mlops.core import audit
from mlops.core.errors import TokenRefused, WrongCredentials
from mlops.core.ids import as_uuid
from mlops.core.models import TokenFamily, User

logger = logging.getLogger(__name__)

_FAMILY = "family"
_LIFETIME = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Access and refresh token of a user."""

    user: User
    access: str
    refresh: str


def sign_in(username: str, password: str) -> TokenPair:
    """Return tokens for a correct password. Raises WrongCredentials or Throttled."""
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    OutstandingToken.objects.filter(user=user, expires_at__lt=timezone.now()).delete()
    user.token_families.filter(expires_at__lt=timezone.now()).delete()
    with transaction.atomic():
        audit.record("sign_in", user, by=user)
        return _pair(_family_of(user))


def renew(text: str) -> TokenPair:
    """Return the next tokens for a refresh token.

    The same ones, if it is brought twice within a few seconds; later that ends its
    family, and whoever has stolen a token is out. Raises TokenRefused then, and when
    the token is wrong, expired or of an account that was closed or got another
    password since.
    """
    token = _refresh_token(text)
    user = User.objects.filter(pk=token["sub"], is_active=True).first()
    if user is None or token.get(api_settings.REVOKE_TOKEN_CLAIM) != _mark(user):
        raise _refused()
    if _FAMILY not in token:
        return _adopt(token, user)
    family = _family_named(token)
    if family is None or family.ended_at is not None:
        raise _refused()
    if family.renew(token["jti"], lifetime=_LIFETIME):
        return _pair(family)
    _end_reused(family)
    raise _refused()


def sign_out(text: str | None) -> None:
    """End the family of a refresh token, if it is one; say nothing if it is not."""
    try:
        token = _refresh_token(text or "")
    except TokenRefused:
        return
    user, family = User.objects.filter(pk=token["sub"]).first(), _family_named(token)
    if user is None:
        return
    with transaction.atomic():
        if family.end() if family else _use_up(token):
            audit.record("sign_out", user, by=user)


def note_sign_out(user: User | None, **_signal: object) -> None:
    """Record that a session of the admin was ended by its user."""
    if user is not None:
        audit.record("sign_out", user, by=user)


def _family_of(user: User) -> TokenFamily:
    now = timezone.now()
    return TokenFamily.objects.create(
        user=user,
        current=uuid.uuid4().hex,
        renewed_at=now,
        expires_at=now + _LIFETIME,
    )


def _family_named(token: RefreshToken) -> TokenFamily | None:
    if pk := as_uuid(str(token.get(_FAMILY, ""))):
        return TokenFamily.objects.select_related("user").filter(pk=pk).first()
    return None


def _adopt(token: RefreshToken, user: User) -> TokenPair:
    """Begin a family with a token from before there were any."""
    if not _use_up(token):
        raise _refused()
    return _pair(_family_of(user))


def _pair(family: TokenFamily) -> TokenPair:
    refresh = _newest_token(family)
    OutstandingToken.objects.get_or_create(
        jti=family.current,
        defaults={
            "user": family.user,
            "token": "",  # the text opens the door; nobody needs to read it here
            "created_at": family.renewed_at,
            "expires_at": family.expires_at,
        },
    )
    return TokenPair(family.user, str(refresh.access_token), str(refresh))


def _newest_token(family: TokenFamily) -> RefreshToken:
    """Return the family's newest token; its text is the same at every call."""
    token = RefreshToken()
    token[api_settings.USER_ID_CLAIM] = str(family.user.pk)
    token[api_settings.REVOKE_TOKEN_CLAIM] = _mark(family.user)
    token[api_settings.JTI_CLAIM] = family.current
    token[_FAMILY] = family.pk.hex
    token.set_iat(at_time=family.renewed_at)
    token.set_exp(from_time=family.renewed_at)
    return token


def _end_reused(family: TokenFamily) -> None:
    with transaction.atomic():
        if family.end():
            changes = {"reason": "a refresh token was used twice"}
            audit.record("end_sign_in", family.user, by=None, changes=changes)
    logger.warning("A refresh token of user %s was used twice", family.user_id)


def _refresh_token(text: str) -> RefreshToken:
    try:
        return RefreshToken(text.encode())  # type: ignore[arg-type]  # takes bytes too
    except (TokenError, UnicodeEncodeError):
        raise _refused() from None


def _use_up(token: RefreshToken) -> bool:
    """Blacklist a token without a family; return whether it was not blacklisted yet."""
    issued = OutstandingToken.objects.filter(jti=token["jti"]).first()
    if issued is None:
        return False
    return BlacklistedToken.objects.get_or_create(token=issued)[1]


def _mark(user: User) -> str:
    return get_md5_hash_password(user.password)


def _refused() -> TokenRefused:
    return TokenRefused("The refresh token is not valid or was used already.")
