import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

OURS = ("core", "datasets", "lifecycle", "deployments", "webhooks")


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
@pytest.mark.parametrize("app", OURS)
def test_app_has_one_line_of_migrations(app):
    graph = MigrationLoader(connection).graph

    assert len(graph.leaf_nodes(app)) == 1


def test_every_model_has_a_name_for_people():
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            assert model.__str__ is not Model.__str__, model
