"""Signing in and out with a pair of tokens: a short one to use, a long one to renew."""

from dataclasses import dataclass

from django.contrib.auth import authenticate
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
from mlops.core.models import User


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
    audit.record("sign_in", user, by=user)
    return _pair(user)


def renew(text: str) -> TokenPair:
    """Return new tokens for a refresh token, which is used up by that.

    Of two at once one wins, so a stolen token is noticed. Raises
    TokenRefused when it is wrong, expired, used or of an account that was
    closed or got another password since.
    """
    token = _refresh_token(text)
    user = User.objects.filter(pk=token["sub"], is_active=True).first()
    if user is None or token.get(api_settings.REVOKE_TOKEN_CLAIM) != _mark(user):
        raise _refused()
    if not _use_up(token):
        raise _refused()
    return _pair(user)


def sign_out(user: User, text: str | None) -> None:
    """Use up the user's refresh token, if it is one; say nothing if it is not."""
    try:
        token = _refresh_token(text or "")
    except TokenRefused:
        return
    if str(token["sub"]) == str(user.pk):
        _use_up(token)
        audit.record("sign_out", user, by=user)


def _pair(user: User) -> TokenPair:
    refresh = RefreshToken.for_user(user)
    return TokenPair(user, str(refresh.access_token), str(refresh))


def _refresh_token(text: str) -> RefreshToken:
    try:
        return RefreshToken(text.encode())  # type: ignore[arg-type]  # takes bytes too
    except (TokenError, UnicodeEncodeError):
        raise _refused() from None


def _use_up(token: RefreshToken) -> bool:
    """Blacklist the token; return whether it was not yet blacklisted."""
    issued = OutstandingToken.objects.filter(jti=token["jti"]).first()
    if issued is None:
        return False
    return BlacklistedToken.objects.get_or_create(token=issued)[1]


def _mark(user: User) -> str:
    return get_md5_hash_password(user.password)


def _refused() -> TokenRefused:
    return TokenRefused("The refresh token is not valid or was used already.")
