"""The look of all other pages for foreign token pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.admin import (
    BlacklistedTokenAdmin as PlainBlacklistedTokenAdmin,
)
from rest_framework_simplejwt.token_blacklist.admin import (
    OutstandingTokenAdmin as PlainOutstandingTokenAdmin,
)
from rest_framework_simplejwt.token_blacklist.models import (
    BlacklistedToken,
    OutstandingToken,
)

from mlops.core.admin import Recorded
from mlops.core.admin.base import AdminPage

admin.site.unregister([BlacklistedToken, OutstandingToken])


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(PlainBlacklistedTokenAdmin, Recorded):
    """Refresh tokens that were signed out or replaced; none of them comes back."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(PlainOutstandingTokenAdmin, AdminPage):
    """Refresh tokens that were given out."""

    fields = ("user", "jti", "created_at", "expires_at")  # never the token itself
