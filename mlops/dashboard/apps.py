"""The dashboard application."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "mlops.dashboard"
    label = "dashboard"
