"""Checks user names and passwords, for the API, HTTP Basic and the admin."""

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from mlops.core import rates
from mlops.core.context import current
from mlops.core.errors import Throttled
from mlops.core.models import User

logger = logging.getLogger(__name__)


class ThrottledBackend(ModelBackend):
    """Django's backend, locked for a minute after too many failed logins.

    Failures count per user name and address, so that nobody can lock out others from
    elsewhere, and per address, so that trying many names is no way around it. Raises
    Throttled.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        address = current.get().remote_address
        one, many = _rates()
        if rates.used_up(one, username or "", address) or rates.used_up(many, address):
            raise Throttled(
                "Too many wrong passwords; try again in a minute.",
                retry_after_s=one.wait_s(),
            )
        user = super().authenticate(request, username, password, **kwargs)
        if user is None and username is not None:
            rates.count(one, username, address)
            rates.count(many, address)
            logger.warning("A sign-in from %s failed", address or "nowhere")
        return user


def _rates() -> tuple[rates.Rate, rates.Rate]:
    limit = settings.SIGN_IN_RATE
    return rates.Rate("sign-in", limit), rates.Rate("address", 10 * limit)
