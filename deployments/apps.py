"""The deployments application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeploymentsConfig(AppConfig):
    name = "deployments"
    verbose_name = _("Deployments")

    def ready(self) -> None:
        # Both need the models, which are there only now.
        from deployments.gauges import families  # noqa: PLC0415
        from mlops.core.metrics import register_gauges  # noqa: PLC0415

        register_gauges(families)
