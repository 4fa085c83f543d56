"""The product's version is written once, and what tells it reads it."""

import re

import pytest
from django.conf import settings as configured
from drf_spectacular.generators import SchemaGenerator

import mlops

CHANGES = (configured.BASE_DIR / "CHANGELOG.md").read_text()
KINDS = ("Added", "Changed", "Fixed", "Security", "Removed")


def test_version_is_semantic():
    assert re.fullmatch(r"\d+\.\d+\.\d+", mlops.__version__)


def test_openapi_tells_the_version():
    document = SchemaGenerator().get_schema(request=None, public=True)

    assert document["info"]["version"] == mlops.__version__


@pytest.mark.django_db
def test_server_info_tells_the_version(client, settings):
    settings.OPEN_MODE = True

    answer = client.get("/api/3.0/mlflow/server-info")

    assert answer.json()["mlops_version"] == mlops.__version__


def test_changes_have_a_section_of_the_version():
    sections = re.findall(r"^## (\d+\.\d+\.\d+)", CHANGES, re.MULTILINE)

    assert mlops.__version__ in sections


def test_a_version_lists_its_changes_by_kind():
    _, _, released = CHANGES.partition(f"\n## {mlops.__version__}")
    section = released.partition("\n## ")[0]

    kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert kinds
    assert kinds == [kind for kind in KINDS if kind in kinds], "no other, in this order"
