"""A name stands for one thing: in a stack trace and in a search it is found at once."""

import ast
from collections import defaultdict

import pytest
from django.conf import settings
from rest_framework.serializers import BaseSerializer

APPS = ("mlops", "datasets", "lifecycle", "deployments")
OURS = ("mlops", "deployments")
EXCEPTIONS = {"Command": "Django finds a management command by this name"}


@pytest.fixture(scope="module")
def classes():
    """Each class name of the product with the files that define one."""
    found = defaultdict(set)
    for app in APPS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if "migrations" not in path.parts:
                for node in ast.parse(path.read_text()).body:
                    if isinstance(node, ast.ClassDef):
                        found[node.name].add(str(path.relative_to(settings.BASE_DIR)))
    return found


def test_a_class_of_deployments_or_mlops_shares_its_name_with_none(classes):
    doubled = {
        name: sorted(files)
        for name, files in classes.items()
        if len(files) > 1 and any(file.startswith(OURS) for file in files)
    }

    assert set(doubled) == set(EXCEPTIONS), doubled


def serializers(kind=BaseSerializer):
    for each in kind.__subclasses__():
        yield each
        yield from serializers(each)


def test_serializers_of_deployments_and_mlops_end_in_serializer():
    ours = {each for each in serializers() if each.__module__.startswith(OURS)}

    assert ours
    assert {each for each in ours if not each.__name__.endswith("Serializer")} == set()
