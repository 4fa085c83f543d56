"""The dashboard application."""

from django.apps import AppConfig

from mlops.dashboard.fields import translate_names


class DashboardConfig(AppConfig):
    name = "mlops.dashboard"
    label = "dashboard"

    def ready(self) -> None:
        # It imports the theme, which imports models: not before they are there.
        from mlops.dashboard.readable import write_for_people  # noqa: PLC0415

        translate_names()
        write_for_people()
