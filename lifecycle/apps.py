"""The lifecycle application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mlops.backup import registration as carried
from mlops.webhooks import formats
from mlops.worker import registration


class LifecycleConfig(AppConfig):
    name = "lifecycle"
    verbose_name = _("Lifecycle")

    def ready(self) -> None:
        carried.register_files("artifacts/", "lifecycle.carried_files.named")
        formats.register("mlflow", "lifecycle.mlflow.events.MlflowEvents")
        registration.register(threads=("lifecycle.worker.TraceRetention",))
