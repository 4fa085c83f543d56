"""A name stands for one thing: in a stack trace and in a search it is found at once."""

import ast
from collections import defaultdict

import pytest
from django.conf import settings
from rest_framework.serializers import BaseSerializer

APPS = ("mlops", "datasets", "lifecycle", "deployments")
DJANGO = {
    "Command": "a management command is found by this name",
    "Meta": "the options of a model, form or filter",
}


@pytest.fixture(scope="module")
def classes():
    """Each class name of the product, nested ones too, with where it is defined."""
    found = defaultdict(list)
    for app in APPS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if "migrations" not in path.parts:
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.ClassDef):
                        place = f"{path.relative_to(settings.BASE_DIR)}:{node.lineno}"
                        found[node.name].append(place)
    return found


def test_a_class_shares_its_name_with_no_other(classes):
    doubled = {name: places for name, places in classes.items() if len(places) > 1}

    assert set(doubled) == set(DJANGO), doubled


def serializers(kind=BaseSerializer):
    for each in kind.__subclasses__():
        yield each
        yield from serializers(each)


def ours():
    return {each for each in serializers() if each.__module__.startswith(APPS)}


def test_serializers_end_in_serializer():
    assert ours()
    assert {
        each for each in ours() if not each.__name__.endswith("Serializer")
    } == set()


def test_a_serializer_names_its_component_only_where_its_own_name_does_not():
    """drf-spectacular drops the ending; a decorated base hands its name down."""
    needless = {
        each
        for each in ours()
        if vars(each).get("_spectacular_annotation", {}).get("component_name")
        == each.__name__.removesuffix("Serializer")
        and not any(hasattr(base, "_spectacular_annotation") for base in each.__bases__)
    }

    assert needless == set()
