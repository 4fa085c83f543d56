"""The demo application."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "mlops.demo"
    label = "demo"
