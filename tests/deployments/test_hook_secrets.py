"""Hooks go on with the secrets that their receivers know."""

from importlib import import_module

import pytest
from django.apps import apps

from deployments.models import AlertHook
from deployments.models.alert import derived_secret

pytestmark = pytest.mark.django_db


def test_each_hook_has_a_secret_of_its_own_which_the_row_does_not_show():
    one = AlertHook.objects.create(name="one", url="https://93.184.216.34/")
    two = AlertHook.objects.create(name="two", url="https://93.184.216.34/")

    assert one.secret != two.secret
    assert one.secret not in one.sealed_secret
    assert AlertHook.objects.get(name="one").secret == one.secret


def test_a_new_server_key_changes_no_secret(settings):
    hook = AlertHook.objects.create(name="one", url="https://93.184.216.34/")
    secret = hook.secret

    settings.SECRET_KEY = "another" * 10

    assert AlertHook.objects.get().secret == secret


def test_hooks_of_before_keep_theirs_and_have_it_stored(settings):
    hook = AlertHook.objects.create(
        name="old", url="https://93.184.216.34/", sealed_secret=""
    )
    before = hook.secret
    assert before == derived_secret(hook.pk)

    name = "deployments.migrations.{}_seal_derived_secrets"
    import_module(name.format("0022")).seal(apps, None)

    settings.SECRET_KEY = "another" * 10
    assert AlertHook.objects.get().secret == before
