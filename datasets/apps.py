"""The datasets application."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from datasets.analytics import engine
from mlops.backup import registration as backups
from mlops.core.queues import register_queue
from mlops.doctor import registration as doctor
from mlops.worker import registration


class DatasetsConfig(AppConfig):
    name = "datasets"
    verbose_name = _("Datasets")

    def ready(self) -> None:
        """Configure the analytics engine; nothing is opened before a fork."""
        # It needs the models, which are there only now.
        from datasets.models import IngestJob  # noqa: PLC0415

        register_queue("uploads", IngestJob.objects.waiting)
        engine.configure(settings.DATA_DIR / "datasets")
        registration.register(threads=("datasets.worker.IngestionThread",))
        files = "datasets.carried_files"
        backups.register_files("datasets/incoming/", f"{files}.uploads")
        backups.register_files(
            "datasets/content/", f"{files}.contents", f"{files}.place"
        )
        backups.register(forget="datasets.models.job.let_go_of_all")
        doctor.register("datasets.ailments.examine")
