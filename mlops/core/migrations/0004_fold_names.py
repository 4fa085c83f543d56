"""Fold the names and addresses of all accounts; say which addresses sign nobody in."""

import sys
from collections import Counter

from django.db import migrations

from mlops.core.names import fold

FIELDS = ("name_key", "address_key", "address_is_shared")


def fold_all(apps, _schema_editor):
    people = list(apps.get_model("core", "User").objects.order_by("pk"))
    for user in people:
        user.name_key, user.address_key = fold(user.username), fold(user.email)
    holders = Counter(key for user in people for key in {user.name_key, user.address_key})
    for user in people:
        user.address_is_shared = bool(user.address_key) and holders[user.address_key] > 1
    apps.get_model("core", "User").objects.bulk_update(people, FIELDS, batch_size=500)
    report([user for user in people if user.address_is_shared])


def report(shared):
    if not shared:
        return
    lines = [f"  {user.username}: {user.email}" for user in shared]
    sys.stdout.write(
        "\n  These accounts share their e-mail address, or it is the user name of\n"
        "  another; they sign in by their user names alone:\n" + "\n".join(lines) + "\n"
    )


class Migration(migrations.Migration):
    dependencies = [("core", "0003_sign_in_by_address")]
    operations = [migrations.RunPython(fold_all, migrations.RunPython.noop)]
