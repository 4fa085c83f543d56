"""A receiver that may be called, and webhooks that call it."""

import threading

import pytest

from mlops.webhooks.models import Webhook
from mlops.webhooks.sending import queue_all, send_turn
from tests.webhooks.receivers import Receiver


@pytest.fixture
def receiver(settings):
    settings.ALERT_HOSTS = ["127.0.0.1"]
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def webhook(db, receiver):
    return Webhook.add(by=None, name="all", url=receiver.url, kinds=["*"])


@pytest.fixture
def deliver():
    """Return what a round of the worker does, with every turn waited for."""

    def round_of_the_worker():
        queue_all()
        return sum(send_turn(one, threading.Event()) for one in Webhook.objects.all())

    return round_of_the_worker
