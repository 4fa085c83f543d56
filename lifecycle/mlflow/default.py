"""The experiment 0 named Default, which every client of the protocol expects."""

from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Min
from django.utils import timezone

from lifecycle.models import Experiment

DEFAULT_ID: Final = 0
DEFAULT_NAME: Final = "Default"


def ensure_default() -> None:
    """Make the default experiment, as the oldest one, if it is not there.

    It is made on first use, so that a server without MLflow clients has none. Two
    that make it at once end with one.
    """
    if Experiment.objects.filter(pk=DEFAULT_ID).exists():
        return
    taken = Experiment.objects.filter(name=DEFAULT_NAME).exists()
    oldest = Experiment.objects.aggregate(at=Min("created_at"))["at"]
    born = oldest - timedelta(milliseconds=1) if oldest else timezone.now()
    try:
        with transaction.atomic():
            made = Experiment(
                pk=DEFAULT_ID,
                name=f"{DEFAULT_NAME} (MLflow)" if taken else DEFAULT_NAME,
            )
            made.save(force_insert=True)
            Experiment.objects.filter(pk=DEFAULT_ID).update(
                created_at=born, updated_at=born
            )
    except IntegrityError:
        if not Experiment.objects.filter(pk=DEFAULT_ID).exists():
            raise
