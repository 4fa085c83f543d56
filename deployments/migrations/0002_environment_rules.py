"""The rules that the three environments start with; staff may change them."""

from django.db import migrations

RULES = {
    "development": {"max_error_rate": 0.5},
    "staging": {},
    "production": {
        "needs_approval": True,
        "needs_passed_checklist": True,
        "author_may_approve": False,
        "rolls_back_by_itself": True,
    },
}


def add_rules(apps, schema_editor):
    rules = apps.get_model("deployments", "EnvironmentRule").objects
    for environment, rule in RULES.items():
        rules.get_or_create(environment=environment, defaults=rule)


def remove_rules(apps, schema_editor):
    rules = apps.get_model("deployments", "EnvironmentRule").objects
    rules.filter(environment__in=RULES).delete()


class Migration(migrations.Migration):
    dependencies = [("deployments", "0001_initial")]

    operations = [migrations.RunPython(add_rules, remove_rules)]
