"""The core application."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "mlops.core"
    label = "core"
    verbose_name = _("People and access")

    def ready(self) -> None:
        import_module("mlops.core.schema.extensions")  # registers itself
        import_module("mlops.checks")  # registers itself
        gauges = import_module("mlops.core.gauges")
        metrics = import_module("mlops.core.metrics")
        metrics.register_gauges(gauges.build_of("web"))
        for source in (gauges.database, gauges.store, gauges.queue_families):
            metrics.register_gauges(source, in_worker=True)
        roles = import_module("mlops.core.roles")
        sessions = import_module("mlops.core.sessions")
        user_logged_out.connect(sessions.note_sign_out)
        post_migrate.connect(roles.apply, dispatch_uid="mlops.core.roles")
