"""The core application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "mlops.core"
    label = "core"
    verbose_name = _("People and access")
