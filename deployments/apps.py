"""The deployments application."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _

from deployments.wake import wait_on_commit
from mlops.backup import registration as backups
from mlops.doctor import registration as doctor
from mlops.worker import registration


class DeploymentsConfig(AppConfig):
    name = "deployments"
    verbose_name = _("Deployments")

    def ready(self) -> None:
        # They need the models, which are there only now.
        from deployments import checks, probes  # noqa: F401, PLC0415
        from deployments.gauges import families  # noqa: PLC0415
        from deployments.models import AlertDelivery, AlertHook, Deployment  # noqa: PLC0415
        from lifecycle.models import DriftEvent  # noqa: PLC0415
        from mlops.core.health import register_other  # noqa: PLC0415
        from mlops.core.metrics import register_gauges  # noqa: PLC0415
        from mlops.core.models import ApiToken, tokens_changed  # noqa: PLC0415
        from mlops.core.queues import register_queue  # noqa: PLC0415

        register_gauges(families)
        register_other("worker", probes.worker)
        register_other("gateways", probes.gateways)
        register_queue("deployments", Deployment.objects.waiting)
        register_queue("alert_hooks", AlertDelivery.objects.waiting)
        doctor.register("deployments.ailments.examine")
        backups.register(
            keys="deployments.models.copies.hook_keys",
            wait="deployments.models.copies.is_reconciled",
            forget="deployments.models.copies.become_copy",
        )
        # Gateways know tokens from the worker; who gives or takes one waits for them.
        tokens_changed.connect(wait_on_commit)
        post_delete.connect(wait_on_commit, sender=ApiToken)
        for news in (AlertHook, AlertDelivery, DriftEvent):
            post_save.connect(registration.wake_on_commit, sender=news)
        registration.register(
            loop="deployments.worker.ReconcileLoop",
            waker="deployments.wake.wake_worker",
            threads=(
                "deployments.worker.SampleIntake",
                "deployments.drift.watcher.Watcher",
                "deployments.worker.Housekeeping",
            ),
        )
