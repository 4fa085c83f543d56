"""The datasets application."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from datasets.analytics import engine
from mlops.worker import registration


class DatasetsConfig(AppConfig):
    name = "datasets"
    verbose_name = _("Datasets")

    def ready(self) -> None:
        """Configure the analytics engine; nothing is opened before a fork."""
        engine.configure(settings.DATA_DIR / "datasets")
        registration.register(threads=("datasets.worker.IngestionThread",))
