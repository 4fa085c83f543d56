"""Checks user names and passwords, for the API, HTTP Basic and the admin."""

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from mlops.core import audit, rates
from mlops.core.context import current
from mlops.core.errors import Throttled
from mlops.core.models import User
from mlops.core.names import fold

logger = logging.getLogger(__name__)


class ThrottledBackend(ModelBackend):
    """Finds who is meant; locked for a minute after too many failed logins.

    Failures count per account and network address, however the account is named, so
    that nobody can lock others out from elsewhere, and per network address alone, so
    that trying many names is no way around it. Raises Throttled.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        user, address = User.meant_by(username), current.get().remote_address
        account = f"unknown {fold(username)}" if user is None else f"account {user.pk}"
        one, many = _rates()
        if rates.used_up(one, account, address) or rates.used_up(many, address):
            raise Throttled(
                "Too many wrong passwords; try again in a minute.",
                retry_after_s=one.wait_s(),
            )
        if self._opens(user, password):
            return user
        rates.count(one, account, address)
        rates.count(many, address)
        logger.warning("A sign-in from %s failed", address or "nowhere")
        audit.note_failed_sign_in(user, "wrong password" if user else "no account")
        return None

    def _opens(self, user: User | None, password: str) -> bool:
        """Check the password; it takes as long where there is no account."""
        if user is None:
            User().set_password(password)
            return False
        return user.check_password(password) and self.user_can_authenticate(user)


def _rates() -> tuple[rates.Rate, rates.Rate]:
    limit = settings.SIGN_IN_RATE
    return rates.Rate("sign-in", limit), rates.Rate("address", 10 * limit)
