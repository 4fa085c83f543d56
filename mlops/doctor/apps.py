"""The application of the doctor."""

from django.apps import AppConfig


class DoctorConfig(AppConfig):
    name = "mlops.doctor"
    label = "doctor"
