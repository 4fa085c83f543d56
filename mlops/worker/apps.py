"""The worker application."""

from django.apps import AppConfig


class WorkerConfig(AppConfig):
    name = "mlops.worker"
    label = "worker"
