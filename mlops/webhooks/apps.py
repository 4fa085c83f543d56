"""The webhooks application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from mlops.backup import registration as backups
from mlops.core.queues import register_queue
from mlops.webhooks import formats
from mlops.worker import registration


class WebhooksConfig(AppConfig):
    name = "mlops.webhooks"
    label = "webhooks"
    verbose_name = _("Webhooks")

    def ready(self) -> None:
        # They need the models, which are there only now.
        from mlops.webhooks.models import WebhookDelivery  # noqa: PLC0415

        formats.register("cloudevents", "mlops.webhooks.messages.CloudEvents")
        register_queue("webhooks", WebhookDelivery.objects.waiting)
        registration.register(threads=("mlops.webhooks.worker.WebhookSender",))
        backups.register(
            keys="mlops.webhooks.copies.secret_keys",
            forget="mlops.webhooks.copies.become_copy",
        )
