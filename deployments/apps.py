"""The deployments application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mlops.worker import registry


class DeploymentsConfig(AppConfig):
    name = "deployments"
    verbose_name = _("Deployments")

    def ready(self) -> None:
        # Both need the models, which are there only now.
        from deployments import checks  # noqa: F401, PLC0415
        from deployments.gauges import families  # noqa: PLC0415
        from mlops.core.metrics import register_gauges  # noqa: PLC0415

        register_gauges(families)
        registry.register(
            loop="deployments.worker.ReconcileLoop",
            threads=(
                "deployments.worker.Sampling",
                "deployments.drift.watcher.Watcher",
                "deployments.worker.Housekeeping",
            ),
        )
