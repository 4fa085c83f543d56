"""Each index and constraint says which query or race it is for."""

import ast

import pytest
from django.apps import apps
from django.conf import settings

APPS = ("mlops/core", "datasets", "lifecycle", "deployments")
KINDS = {"Index", "UniqueConstraint", "CheckConstraint"}


def declared():
    """Yield each index and constraint: its source line, and the line above it."""
    for app in APPS:
        for path in sorted((settings.BASE_DIR / app / "models").glob("*.py")):
            lines = path.read_text().splitlines()
            for node in ast.walk(ast.parse("\n".join(lines))):
                if isinstance(node, ast.Call) and is_declaration(node):
                    above = lines[node.lineno - 2].strip()
                    yield pytest.param(above, id=f"{path.name}:{node.lineno}")


def is_declaration(call):
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in KINDS or any(
        option.arg == "db_index" and ast.unparse(option.value) == "True"
        for option in call.keywords
    )


@pytest.mark.parametrize("above", list(declared()))
def test_a_comment_says_what_it_is_for(above):
    assert above.startswith("# ")


def test_all_of_the_models_were_looked_at():
    options = [
        one
        for model in apps.get_models()
        if model.__module__.startswith(("mlops", "datasets", "lifecycle", "deploy"))
        for one in (*model._meta.indexes, *model._meta.constraints)
    ]

    assert len(list(declared())) > len(options) > 50
