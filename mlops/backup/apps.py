"""The application of backups; its rows are `mlops.core`'s."""

from django.apps import AppConfig


class BackupConfig(AppConfig):
    name = "mlops.backup"
    label = "backup"

    def ready(self) -> None:
        # They need the models, which are there only now.
        from mlops.backup.gauges import families  # noqa: PLC0415
        from mlops.core.metrics import register_gauges  # noqa: PLC0415

        register_gauges(families)
