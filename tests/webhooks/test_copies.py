"""A copy of an installation calls nobody, and says which key its secrets need."""

import pytest

from mlops.backup import registration
from mlops.webhooks import copies
from mlops.webhooks.models import Webhook

pytestmark = pytest.mark.django_db


def test_copy_has_its_webhooks_switched_off(webhook):
    said = copies.become_copy()

    assert copies.become_copy in registration.forgetting()
    assert not Webhook.objects.get().is_enabled
    (line,) = said
    assert line.startswith("Webhooks are switched off: all.")


def test_backup_names_the_keys_of_webhooks(webhook):
    key = webhook.sealed_secret.partition(".")[0]

    assert registration.needed_keys("default")["webhook key"] == [key]


def test_backup_names_the_key_of_a_secret_that_still_signs(webhook):
    Webhook.objects.update(sealed_old_secret="0a1b2c3d.x")
    key = webhook.sealed_secret.partition(".")[0]

    names = registration.needed_keys("default")["webhook key"]

    assert names == sorted(["0a1b2c3d", key])
