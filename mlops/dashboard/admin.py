"""The first page's title, and the look of all others for foreign token pages."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
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
from unfold.admin import ModelAdmin

admin.site.index_title = _("Overview")
admin.site.unregister([BlacklistedToken, OutstandingToken])


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(PlainBlacklistedTokenAdmin, ModelAdmin):
    """Refresh tokens that were signed out or replaced."""


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(PlainOutstandingTokenAdmin, ModelAdmin):
    """Refresh tokens that were given out."""

    fields = ("user", "jti", "created_at", "expires_at")  # never the token itself
