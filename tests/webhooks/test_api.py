"""Webhooks by REST: admins keep them, nobody reads a secret, messages come again."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from mlops.core.models import AuditEntry
from mlops.webhooks.kinds import KINDS
from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.signing import key_of, new_secret, signature
from tests.webhooks.receivers import Receiver

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks"


def made(client, receiver, **fields):
    body = {"name": "chat", "url": receiver.url, "kinds": ["*"], **fields}
    return client.post(URL, body, format="json")


def test_secret_that_was_made_here_is_shown_once(api, receiver):
    answer = made(api("admin"), receiver)

    shown = answer.json()
    assert answer.status_code == 201
    assert shown["secret"] == Webhook.objects.get().secret
    assert "secret" not in api("admin").get(f"{URL}/{shown['id']}").json()
    assert "secret" not in api("admin").get(URL).json()[0]


def test_secret_that_was_given_is_never_shown_and_stored_encrypted(api, receiver):
    secret = new_secret()

    answer = made(api("admin"), receiver, secret=secret)

    assert "secret" not in answer.json()
    stored = Webhook.objects.get()
    assert secret not in stored.sealed_secret
    assert stored.secret == secret
    trail = list(AuditEntry.objects.values_list("changes", flat=True))
    assert secret not in str(trail)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "plain", "whsec_ä"])
def test_secret_that_guards_nothing_is_refused(api, receiver, secret):
    answer = made(api("admin"), receiver, secret=secret)

    assert answer.status_code == 422
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://localhost/", "ftp://93.184.216.34/", "here"]
)
def test_address_inside_is_refused_when_made_and_when_changed(api, receiver, url):
    known = made(api("admin"), receiver).json()["id"]

    new = api("admin").post(
        URL, {"name": "x", "url": url, "kinds": ["*"]}, format="json"
    )
    changed = api("admin").patch(f"{URL}/{known}", {"url": url}, format="json")

    assert (new.status_code, changed.status_code) == (422, 422)
    assert Webhook.objects.get().url == receiver.url


@pytest.mark.parametrize("kinds", [[], ["model_version.eaten"], "*", None])
def test_kinds_that_there_are_not_are_refused(api, receiver, kinds):
    assert made(api("admin"), receiver, kinds=kinds).status_code == 422


def test_second_webhook_of_a_name_is_refused(api, receiver):
    made(api("admin"), receiver)

    assert made(api("admin"), receiver).status_code == 409


def test_every_kind_is_listed_with_its_meaning(api):
    shown = api("admin").get(f"{URL}/kinds").json()

    assert [one["name"] for one in shown] == list(KINDS)
    assert len(KINDS) >= 20
    assert all(one["text"] and one["type"] == f"mlops.{one['name']}" for one in shown)


def test_test_says_whether_a_message_arrives(api, receiver):
    known = made(api("admin"), receiver).json()["id"]

    good = api("admin").post(f"{URL}/{known}/test").json()
    receiver.status = 500
    bad = api("admin").post(f"{URL}/{known}/test").json()

    assert good == {"has_arrived": True, "status": 200, "error": ""}
    assert bad == {"has_arrived": False, "status": 500, "error": "It answered 500."}
    assert receiver.types == ["mlops.webhook.tested"] * 2


def test_log_says_what_was_sent_and_every_try(api, receiver, deliver):
    known = made(api("admin"), receiver).json()["id"]
    receiver.status = 400
    deliver()

    (listed,) = api("admin").get(f"{URL}/{known}/deliveries?state=waiting").json()
    shown = api("admin").get(f"{URL}/{known}/deliveries/{listed['id']}").json()

    assert [one["status"] for one in listed["tries"]] == [400]
    assert listed["kind"] == "webhook.created"
    assert "body" not in listed
    assert shown["body"].encode() == receiver.requests[0][1]


def test_message_is_replayed_under_its_id(api, receiver, deliver):
    known = made(api("admin"), receiver, kinds=["webhook.created"]).json()["id"]
    deliver()
    one = WebhookDelivery.objects.get()

    answer = api("admin").post(f"{URL}/{known}/deliveries/{one.pk}/replay")
    deliver()

    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    first, second = receiver.requests
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]


def test_part_of_the_trail_is_told_again_even_what_left_the_log(api, receiver, deliver):
    known = made(api("admin"), receiver, kinds=["webhook.created"]).json()["id"]
    deliver()
    WebhookDelivery.objects.all().delete()

    answer = api("admin").post(f"{URL}/{known}/replay", {"after": 0}, format="json")
    deliver()

    assert (answer.status_code, answer.json()) == (202, {"messages": 1})
    assert receiver.types == ["mlops.webhook.created"] * 2


def test_replay_of_too_much_is_refused(api, receiver, deliver, monkeypatch):
    monkeypatch.setattr("mlops.webhooks.models.delivery.MOST_REPLAYED", 0)
    known = made(api("admin"), receiver).json()["id"]
    deliver()

    answer = api("admin").post(f"{URL}/{known}/replay", {"after": 0}, format="json")

    assert answer.status_code == 422


def test_deleted_webhook_is_told_no_more(api, receiver, deliver):
    known = made(api("admin"), receiver).json()["id"]

    assert api("admin").delete(f"{URL}/{known}").status_code == 204
    deliver()

    assert receiver.requests == []


def test_changed_address_is_called_at_once(api, receiver, deliver):
    receiver.status = 503
    known = made(api("admin"), receiver).json()["id"]
    deliver()
    WebhookDelivery.objects.update(next_at=Webhook.objects.get().created_at)
    other = Receiver()

    api("admin").patch(f"{URL}/{known}", {"url": other.url}, format="json")
    deliver()

    assert other.types == ["mlops.webhook.created", "mlops.webhook.changed"]
    other.stop()


def signed_by(secret, request):
    """Return whether one of a message's signatures was made with the secret."""
    headers, body = request
    identity, seconds = headers["webhook-id"], int(headers["webhook-timestamp"])
    made = signature(key_of(secret), identity, seconds, body)
    return made in headers["webhook-signature"].split(" ")


def rotated(client, known, **fields):
    return client.post(f"{URL}/{known}/rotate-secret", fields, format="json")


def test_old_secret_signs_beside_the_new_one_until_its_time_is_over(api, receiver):
    first = made(api("admin"), receiver).json()
    url = f"{URL}/{first['id']}"

    second = rotated(api("admin"), first["id"], keep_hours=2).json()
    api("admin").post(f"{url}/test")
    Webhook.objects.update(old_secret_until=timezone.now())
    api("admin").post(f"{url}/test")

    both, alone = receiver.requests
    secrets = (first["secret"], second["secret"])
    assert [signed_by(one, both) for one in secrets] == [True, True]
    assert [signed_by(one, alone) for one in secrets] == [False, True]
    assert "secret" not in api("admin").get(url).json()


def test_old_secret_is_kept_for_a_day_and_forgotten_then(api, receiver):
    known = made(api("admin"), receiver).json()["id"]

    shown = rotated(api("admin"), known).json()

    until = Webhook.objects.get().old_secret_until
    assert datetime.fromisoformat(shown["old_secret_until"]) == until
    assert abs(until - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert Webhook.objects.forget_old_secrets(timezone.now()) == 0
    assert Webhook.objects.forget_old_secrets(until) == 1
    assert Webhook.objects.get().sealed_old_secret == ""


def test_rotation_is_on_record_without_secrets(api, receiver):
    known = made(api("admin"), receiver).json()["id"]

    shown = rotated(api("admin"), known).json()

    entry = AuditEntry.objects.get(action="rotate_secret")
    until = Webhook.objects.get().old_secret_until.isoformat()
    assert entry.changes == {"old_secret_until": until}
    assert shown["secret"] not in str(entry.changes)


def test_secret_that_is_given_is_taken_and_not_shown(api, receiver):
    known = made(api("admin"), receiver).json()["id"]
    secret = new_secret()

    answer = rotated(api("admin"), known, secret=secret, keep_hours=0)

    assert "secret" not in answer.json()
    webhook = Webhook.objects.get()
    assert webhook.secrets(timezone.now()) == [secret]


def test_secret_that_is_changed_ends_the_old_one_at_once(api, receiver):
    known = made(api("admin"), receiver).json()["id"]
    rotated(api("admin"), known)
    secret = new_secret()

    api("admin").patch(f"{URL}/{known}", {"secret": secret}, format="json")

    webhook = Webhook.objects.get()
    assert webhook.secrets(timezone.now()) == [secret]
    assert webhook.sealed_old_secret == ""


@pytest.mark.parametrize(
    "wrong", [{"keep_hours": 169}, {"keep_hours": -1}, {"secret": "plain"}, {"x": 1}]
)
def test_rotation_that_makes_no_sense_is_refused(api, receiver, wrong):
    known = made(api("admin"), receiver).json()["id"]

    assert rotated(api("admin"), known, **wrong).status_code == 422
    assert Webhook.objects.get().old_secret_until is None


def test_webhook_in_mlflows_format_has_one_signature(api, receiver):
    fields = {"name": "ci", "url": receiver.url, "events": ["prompt.created"]}
    hook = Webhook.add(by=None, format="mlflow", secret="open sesame", **fields)

    answer = rotated(api("admin"), str(hook.pk))

    assert answer.status_code == 422
    assert "one signature" in answer.json()["detail"]
    hook.refresh_from_db()
    assert hook.secrets(timezone.now()) == ["open sesame"]
