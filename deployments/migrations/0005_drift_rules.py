"""The drift rules that the three environments start with; staff may change them."""

from django.db import migrations

ENVIRONMENTS = ("development", "staging", "production")


def add_rules(apps, schema_editor):
    rules = apps.get_model("deployments", "DriftRule").objects
    for environment in ENVIRONMENTS:
        rules.get_or_create(environment=environment)


def remove_rules(apps, schema_editor):
    rules = apps.get_model("deployments", "DriftRule").objects
    rules.filter(environment__in=ENVIRONMENTS).delete()


class Migration(migrations.Migration):
    dependencies = [("deployments", "0004_drift_checks_and_alerts")]

    operations = [migrations.RunPython(add_rules, remove_rules)]
