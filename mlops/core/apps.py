"""The core application."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "mlops.core"
    label = "core"
    verbose_name = _("People and access")

    def ready(self) -> None:
        import_module("mlops.core.schema.extensions")  # registers itself
