"""Events arrive signed, in order, at least once; a receiver delays only itself."""

import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from mlops.core import audit
from mlops.core.context import RequestContext, current
from mlops.core.models import Installation
from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.models.delivery import KEPT
from mlops.webhooks.posting import PostOutcome
from mlops.webhooks.sending import MOST_PAGES, queue_all, send_turn
from mlops.webhooks.states import BACK_OFF, MessageState
from mlops.webhooks.worker import WebhookSender
from tests.webhooks.receivers import Receiver

pytestmark = pytest.mark.django_db
TARGET = "lifecycle.modelversion"


def happen(action="approve", of="1", changes=None):
    """Put something on record about a model version."""
    with transaction.atomic(), audit.connection.cursor() as cursor:
        named = (TARGET, of, f"churn v{of}")
        audit.note(cursor, action, named, by=None, changes=changes)


def pass_time(webhook):
    """Let every wait be over."""
    webhook.deliveries.update(next_at=timezone.now())
    Webhook.objects.update(rests_until=None)


def test_event_is_a_cloud_event_that_says_what_the_trail_says(
    webhook, receiver, deliver, person
):
    token = current.set(RequestContext("asked-1", "203.0.113.9", via="rest"))
    ann = person("viewer", "ann")
    audit.record("change", ann, by=ann, changes={"fields": ["email"]})
    current.reset(token)

    deliver()

    made, event = receiver.events
    installation = Installation.current()
    entry = audit.AuditEntry.objects.first()
    assert made["type"] == "mlops.webhook.created"
    assert event == {
        "specversion": "1.0",
        "id": f"{installation.uid}-{entry.pk}",
        "source": f"urn:uuid:{installation.uid}",
        "type": "mlops.user.changed",
        "subject": f"core.user/{ann.pk}",
        "time": entry.at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "entry": entry.pk,
            "action": "change",
            "object_type": "core.user",
            "object_id": str(ann.pk),
            "object_name": "ann",
            "number": 1,
            "actor": "ann",
            "via": "rest",
            "request_id": "asked-1",
            "changes": {"fields": ["email"]},
        },
    }


def test_message_is_signed_as_standard_webhooks_say(webhook, receiver, deliver):
    deliver()

    headers, body = receiver.requests[0]
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert headers["webhook-id"] == json.loads(body)["id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


def test_webhook_gets_the_kinds_that_it_asks_for(webhook, receiver, deliver):
    webhook.change(by=None, kinds=["model_version.approved"])
    happen("register")
    happen("approve")

    deliver()

    assert receiver.types == ["mlops.model_version.approved"]


def test_what_has_no_name_of_its_own_is_told_all_the_same(webhook, receiver, deliver):
    happen("stare_at")

    deliver()

    assert receiver.types[-1] == "mlops.audit.recorded"
    assert receiver.events[-1]["data"]["action"] == "stare_at"


def test_text_of_a_statement_stays_in_the_trail(webhook, receiver, deliver):
    with transaction.atomic(), audit.connection.cursor() as cursor:
        changes = {"sql": "SELECT 'who said that'", "form": "json"}
        target = ("datasets.dataset", "1", "sales")
        audit.note(cursor, "ask_sql", target, by=None, changes=changes)

    deliver()

    assert receiver.events[-1]["data"]["changes"] == {"form": "json"}


def test_what_was_undone_is_not_told(webhook, receiver, deliver):
    with transaction.atomic():
        happen()
        transaction.set_rollback(True)

    deliver()

    assert receiver.types == ["mlops.webhook.created"]


def test_nothing_from_before_the_webhook_is_told(receiver, deliver):
    happen()
    Webhook.add(by=None, name="late", url=receiver.url, kinds=["*"])

    deliver()

    assert receiver.types == ["mlops.webhook.created"]


def test_webhook_that_was_off_goes_on_with_what_happens_now(webhook, receiver, deliver):
    webhook.change(by=None, is_enabled=False)
    happen("approve")
    deliver()
    webhook.change(by=None, is_enabled=True)
    happen("tag")

    deliver()

    assert receiver.types == ["mlops.webhook.changed", "mlops.model_version.tagged"]


def test_message_that_fails_holds_back_its_own_object_alone(webhook, receiver, deliver):
    def refuses_one(event):
        return 400 if event["subject"] == f"{TARGET}/1" else 200

    receiver.answers = refuses_one
    happen("register", of="1")
    happen("register", of="2")
    happen("approve", of="1")
    happen("approve", of="2")
    deliver()
    seen = [(e["subject"][-1], e["data"]["action"]) for e in receiver.events[1:]]
    receiver.answers, receiver.requests = lambda _event: 200, []

    pass_time(webhook)
    deliver()

    assert seen == [("1", "register"), ("2", "register"), ("2", "approve")]
    again = [(e["subject"][-1], e["data"]["action"]) for e in receiver.events]
    assert again == [("1", "register"), ("1", "approve")]


def test_receiver_that_is_not_there_is_left_alone_for_longer_each_time(
    webhook, receiver, deliver
):
    receiver.status = 503
    happen(of="1")
    happen(of="2")
    rests = []
    for _ in range(3):
        before = timezone.now()
        made = deliver()
        webhook.refresh_from_db()
        rests.append(round((webhook.rests_until - before).total_seconds()))
        assert (made, deliver()) == (1, 0)
        pass_time(webhook)

    assert rests == [5, 10, 20]
    assert len(receiver.requests) == 3


@pytest.mark.parametrize(
    ("asked", "rest_s"),
    [
        ("120", 120),
        ("1", 5),
        ("9" * 30, 86_400),
        ("soon", 5),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 5),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400),
        ("Fri, 01 Jan 2100 00:00:00 -0000", 86_400),
    ],
)
def test_receiver_is_not_called_before_it_says_for_a_day_at_most(
    webhook, receiver, deliver, asked, rest_s
):
    receiver.status, receiver.headers = 503, {"Retry-After": asked}
    before = timezone.now()

    deliver()

    webhook.refresh_from_db()
    rests = (webhook.rests_until - before).total_seconds()
    assert abs(rests - rest_s) < 5
    assert deliver() == 0


@pytest.mark.parametrize(("status", "rest_s"), [(429, 3600), (503, 3600), (500, 5)])
def test_wait_is_asked_for_by_429_and_503_alone(
    webhook, receiver, deliver, status, rest_s
):
    receiver.status, receiver.headers = status, {"Retry-After": "3600"}
    before = timezone.now()

    deliver()

    webhook.refresh_from_db()
    assert abs((webhook.rests_until - before).total_seconds() - rest_s) < 5


def test_receiver_that_is_gone_is_called_no_more_and_it_is_said_why(
    webhook, receiver, deliver, api
):
    receiver.status = 410
    happen()

    made = deliver()
    again = deliver()

    shown = api("admin").get(f"/api/v1/webhooks/{webhook.pk}").json()
    reason = "Its receiver answered 410 (Gone) to webhook.created."
    assert (made, again, len(receiver.requests)) == (1, 0, 1)
    assert (shown["is_enabled"], shown["off_reason"]) == (False, reason)
    assert shown["waiting"] == 2
    entry = audit.AuditEntry.objects.get(action="switch_off")
    assert entry.object_id == str(webhook.pk)
    assert entry.changes == {"reason": reason}


def test_another_webhook_is_told_that_one_was_switched_off(webhook, receiver, deliver):
    other = Receiver()
    kinds = ["webhook.switched_off"]
    Webhook.add(by=None, name="watch", url=other.url, kinds=kinds)
    receiver.status = 410

    deliver()
    deliver()

    assert other.types == ["mlops.webhook.switched_off"]
    other.stop()


def test_webhook_that_is_switched_on_again_sends_what_waits(webhook, receiver, deliver):
    receiver.status = 410
    deliver()
    receiver.status, receiver.requests = 200, []

    webhook.refresh_from_db()
    webhook.change(by=None, is_enabled=True)
    pass_time(webhook)
    deliver()

    webhook.refresh_from_db()
    assert webhook.off_reason == ""
    assert receiver.types == ["mlops.webhook.created", "mlops.webhook.changed"]


def test_answer_of_an_address_that_was_left_switches_nothing_off(webhook, receiver):
    old = Webhook.objects.get()
    other = Receiver()
    webhook.change(by=None, url=other.url)

    old.switch_off("gone")

    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.off_reason) == (True, "")
    other.stop()


def test_receiver_that_is_back_is_told_everything_in_order(webhook, receiver, deliver):
    receiver.status = 503
    happen("register")
    happen("approve")
    deliver()
    receiver.status, receiver.requests = 200, []

    pass_time(webhook)
    deliver()

    assert [one.rpartition(".")[2] for one in receiver.types] == [
        "created",
        "registered",
        "approved",
    ]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.rests_until) == (0, None)


def test_message_is_tried_for_two_days_and_then_given_up(webhook, receiver, deliver):
    receiver.status = 400
    for _ in range(len(BACK_OFF) + 2):
        deliver()
        pass_time(webhook)

    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.state == MessageState.GIVEN_UP
    assert delivery.attempts == len(receiver.requests) == len(BACK_OFF) + 1
    assert [one["status"] for one in delivery.tries] == [400] * 10
    assert timedelta(days=1) < sum(BACK_OFF, timedelta()) < timedelta(days=3)


def test_same_id_comes_with_every_try_and_every_replay(webhook, receiver, deliver):
    receiver.status = 400
    deliver()
    receiver.status = 200
    pass_time(webhook)
    deliver()

    WebhookDelivery.objects.get().replay(by=None)
    deliver()

    first, second, third, replayed = receiver.requests
    ids = {headers["webhook-id"] for headers, _ in (first, second, third)}
    assert len(ids) == 1
    assert first[1] == second[1] == third[1]
    assert json.loads(replayed[1])["type"] == "mlops.webhook.replayed"


def test_worker_that_dies_between_queueing_and_sending_loses_nothing(
    webhook, receiver, deliver
):
    happen()
    queue_all()

    deliver()

    assert receiver.types[-1] == "mlops.model_version.approved"


def test_worker_that_dies_while_it_queues_leaves_the_cursor_where_it_was(
    webhook, receiver, deliver, monkeypatch
):
    happen()

    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(WebhookDelivery.objects, "bulk_create", killed)
        with pytest.raises(KeyboardInterrupt):
            WebhookDelivery.queue_next(webhook)
    assert not WebhookDelivery.objects.exists()

    deliver()

    assert receiver.types[-1] == "mlops.model_version.approved"


def test_webhook_that_is_changed_while_it_is_queued_for_is_queued_for_anew(
    webhook, monkeypatch
):
    happen("approve")
    make = WebhookDelivery.of_all

    def changed_meanwhile(row, entries):
        made = make(row, entries)
        other = Webhook.objects.get(pk=row.pk)
        other.change(by=None, kinds=["model_version.tagged"])
        return made

    with monkeypatch.context() as patched:
        patched.setattr(WebhookDelivery, "of_all", changed_meanwhile)
        is_more = WebhookDelivery.queue_next(webhook)
    queue_all()

    assert not is_more
    assert not WebhookDelivery.objects.exists()


def test_worker_that_dies_while_it_sends_has_the_message_sent_again(
    webhook, receiver, deliver
):
    queue_all()
    webhook.claim("dead", timezone.now())
    WebhookDelivery.objects.get().begin(timezone.now())

    assert deliver() == 0
    Webhook.objects.update(claimed_until=timezone.now())
    pass_time(webhook)
    deliver()

    assert receiver.types == ["mlops.webhook.created"]
    assert WebhookDelivery.objects.get().attempts == 2


def test_webhook_that_is_deleted_while_it_is_told_is_no_failure(
    webhook, receiver, deliver
):
    queue_all()
    (found,) = WebhookDelivery.objects.all()
    found.begin(timezone.now())
    Webhook.objects.all().delete()

    found.end(PostOutcome(200), timezone.now(), 0.1)
    gone = WebhookDelivery.queue_next(webhook)

    assert (gone, WebhookDelivery.objects.count()) == (False, 0)


def test_two_workers_send_each_message_once(webhook, receiver):
    queue_all()
    is_mine = webhook.claim("other", timezone.now())

    made = send_turn(webhook, threading.Event())

    assert (is_mine, made, receiver.requests) == (True, 0, [])


def test_a_long_trail_is_queued_in_pages(webhook, receiver, monkeypatch):
    monkeypatch.setattr("mlops.webhooks.models.delivery.PAGE", 2)
    for number in range(5):
        happen(of=str(number))

    queue_all()

    assert WebhookDelivery.objects.count() == 6
    assert MOST_PAGES > 3


def test_old_messages_leave_the_log_unless_they_wait(webhook, deliver):
    deliver()
    happen()
    queue_all()
    long_ago = timezone.now() - KEPT - timedelta(minutes=1)
    WebhookDelivery.objects.update(created_at=long_ago)

    WebhookDelivery.objects.prune(timezone.now())

    (kept,) = WebhookDelivery.objects.all()
    assert (kept.kind, kept.state) == ("model_version.approved", "waiting")


def test_address_that_became_a_private_one_is_not_called(
    webhook, receiver, deliver, settings
):
    settings.ALERT_HOSTS = []

    deliver()

    (delivery,) = WebhookDelivery.objects.all()
    assert "private address" in delivery.error
    assert receiver.requests == []


@pytest.mark.django_db(transaction=True)
def test_receiver_that_hangs_delays_no_other(webhook, receiver):
    slow, is_over = Receiver(), threading.Event()
    slow.answers = lambda _event: is_over.wait(20) and 200
    Webhook.add(by=None, name="a slow one", url=slow.url, kinds=["*"])
    stopping = threading.Event()
    sender = WebhookSender(stopping)

    sender.round()
    began = time.monotonic()
    while len(receiver.requests) < 2 and time.monotonic() - began < 15:
        time.sleep(0.01)

    assert len(receiver.requests) == 2
    assert slow.requests == []
    is_over.set()
    stopping.set()
    sender.end_turns()
    slow.stop()
