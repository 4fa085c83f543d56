"""The dashboard application."""

from django.apps import AppConfig

from mlops.dashboard.fields import translate_names


class DashboardConfig(AppConfig):
    name = "mlops.dashboard"
    label = "dashboard"

    def ready(self) -> None:
        translate_names()
