"""Staff pages of webhooks."""

import pytest
from django.utils import timezone

from mlops.core.models import AuditEntry
from mlops.webhooks.models import Webhook, WebhookDelivery

pytestmark = pytest.mark.django_db
ADMIN = "/admin/webhooks"


@pytest.fixture
def staff(client, person):
    admin = person("admin")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    return client


def form(receiver, **fields):
    given = {"name": "chat", "url": receiver.url, "kinds": ["*"], "is_enabled": "on"}
    return given | fields


def test_webhook_is_made_changed_and_deleted_by_its_verbs(staff, receiver):
    staff.post(f"{ADMIN}/webhook/add/", form(receiver))
    made = Webhook.objects.get()
    page = staff.get(f"{ADMIN}/webhook/{made.pk}/change/").content.decode()
    changed = form(receiver, kinds=["deployment.failed"])
    staff.post(f"{ADMIN}/webhook/{made.pk}/change/", changed)
    kinds = Webhook.objects.get().kinds
    staff.post(f"{ADMIN}/webhook/{made.pk}/delete/", {"post": "yes"})

    assert made.secret in page
    assert kinds == ["deployment.failed"]
    assert not Webhook.objects.exists()
    entries = AuditEntry.objects.filter(object_type="webhooks.webhook")
    actions = entries.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["create", "change", "delete"]


def test_address_inside_is_refused_on_the_page(staff, receiver):
    page = staff.post(f"{ADMIN}/webhook/add/", form(receiver, url="http://10.0.0.1/"))

    assert "private address" in page.content.decode()
    assert not Webhook.objects.exists()


def test_messages_are_listed_shown_and_sent_again(staff, webhook, receiver, deliver):
    deliver()
    (message,) = WebhookDelivery.objects.all()
    hooks = staff.get(f"{ADMIN}/webhook/").content.decode()
    shown = staff.get(f"{ADMIN}/webhookdelivery/{message.pk}/change/")

    action = {"action": "replay", "_selected_action": [str(message.pk)]}
    staff.post(f"{ADMIN}/webhookdelivery/", action)

    assert receiver.url in hooks
    assert "mlops.webhook.created" in shown.content.decode()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("waiting", 0)


def test_secret_is_rotated_by_a_button(staff, webhook):
    old = webhook.secret
    action = {"action": "rotate_secret", "_selected_action": [str(webhook.pk)]}

    staff.post(f"{ADMIN}/webhook/", action)
    page = staff.get(f"{ADMIN}/webhook/{webhook.pk}/change/").content.decode()

    webhook.refresh_from_db()
    assert webhook.secrets(timezone.now()) == [webhook.secret, old]
    assert webhook.secret in page
    assert old not in page


def test_kinds_of_a_webhook_of_mlflows_stay_and_it_is_said_why(staff, receiver):
    fields = {"name": "chat", "url": receiver.url, "events": ["prompt.created"]}
    hook = Webhook.add(by=None, format="mlflow", **fields)
    url = f"{ADMIN}/webhook/{hook.pk}/change/"

    refused = staff.post(url, form(receiver, kinds=["run.started"]), follow=True)
    staff.post(url, form(receiver, kinds=hook.kinds, name="talk"))

    assert "change them by MLflow" in refused.content.decode()
    hook.refresh_from_db()
    assert (hook.name, hook.kinds) == ("talk", ["model.created"])


def test_addresses_are_for_admins_only(client, person, webhook):
    viewer = person("approver")
    viewer.is_staff = True
    viewer.save()
    client.force_login(viewer)

    for page in ("webhook", "webhookdelivery"):
        assert client.get(f"{ADMIN}/{page}/").status_code == 403
