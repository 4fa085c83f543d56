"""States of a message on its way, how often it is tried, and its formats."""

from datetime import timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

BACK_OFF: Final = tuple(
    timedelta(seconds=s)
    for s in (5, 30, 120, 600, 3600, 10_800, 21_600, 43_200, 86_400)
)
"""How long to wait after each failure; after the last one it is given up."""
MOST_REST: Final = timedelta(minutes=10)
"""The longest that a receiver which is not there is left alone."""
MOST_RETRY_AFTER: Final = timedelta(days=1)
"""The longest that a receiver is left alone because it asks for it."""


class MessageState(models.TextChoices):
    """Delivery state of a message."""

    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")


class MessageFormat(models.TextChoices):
    """What a webhook is sent, and how that is signed."""

    CLOUDEVENTS = "cloudevents", "CloudEvents"
    MLFLOW = "mlflow", "MLflow"
