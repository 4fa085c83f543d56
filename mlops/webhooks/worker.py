"""The worker's part: queues what happened, and sends it, each receiver in a thread.

A receiver that is slow or dead delays only itself.
"""

import logging
import threading
import time

from django.db import connection
from django.utils import timezone

from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.sending import queue_all, send_turn
from mlops.worker.thread import WorkerThread

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 16
PRUNE_EVERY_S = 3600.0


class WebhookSender(WorkerThread):
    """Gives every webhook that has messages a turn in a thread of its own."""

    pause_s = 2.0
    least_pause_s = 0.5
    failure_message = "Webhooks were not told"

    def __init__(self, stopping: threading.Event) -> None:
        super().__init__(stopping)
        self._turns: dict[str, threading.Thread] = {}
        self._prune_at = 0.0

    def round(self) -> None:
        """Queue what is new, then begin turns; none of them is waited for."""
        queue_all()
        now = timezone.now()
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            WebhookDelivery.objects.prune(now)
            Webhook.objects.forget_old_secrets(now)
        self._turns = {pk: turn for pk, turn in self._turns.items() if turn.is_alive()}
        for webhook in Webhook.objects.to_send(now):
            if len(self._turns) >= MOST_AT_ONCE:
                break
            if str(webhook.pk) not in self._turns:
                self._begin(webhook)

    def end_turns(self) -> None:
        """Wait for the turns that go on."""
        for turn in self._turns.values():
            turn.join()

    def _begin(self, webhook: Webhook) -> None:
        turn = threading.Thread(target=self._send, args=(webhook,), daemon=True)
        self._turns[str(webhook.pk)] = turn
        turn.start()

    def _send(self, webhook: Webhook) -> None:
        try:
            send_turn(webhook, self.stopping)
        except Exception:  # its own failure: the next turn begins where it ended
            logger.exception("Webhook %s was not told; trying again", webhook.pk)
        finally:
            connection.close()
            self.wake()
