"""The experiment 0 named Default, which every client of the protocol expects."""

from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from lifecycle.models import Experiment
from lifecycle.store import experiments
from lifecycle.store.experiments import NewExperiment

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
    new = NewExperiment(
        name=f"{DEFAULT_NAME} (MLflow)" if taken else DEFAULT_NAME,
        created_at=oldest - timedelta(milliseconds=1) if oldest else timezone.now(),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        experiments.create_as(cursor, DEFAULT_ID, new)
