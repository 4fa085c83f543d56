"""SQL text names tables and columns that no type checker sees; the models are asked."""

import importlib
import pkgutil
import re

import pytest
from django.apps import apps

import lifecycle.mlflow.fastpath
import lifecycle.mlflow.messages
import lifecycle.store

COLUMNS = {
    model._meta.db_table: {field.column: field for field in model._meta.concrete_fields}
    for model in apps.get_models()
}
VERB = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|SELECT)\s")
INSERT = re.compile(r"\s*INSERT INTO (\w+)(?: AS \w+)?\s*\(([^)]*)\)")
OF_POSTGRESQL = re.compile(r"\bpg_|_seq\b")
"""What asks its locks and sequences, which are no tables of ours."""
TEXT = re.compile(r"'[^']*'|%s|\{\w*\}")
NAME = re.compile(r"\b[a-z][a-z0-9_]*\b(?:\.[a-z][a-z0-9_]*\b)?")


def modules():
    yield importlib.import_module("mlops.core.audit")
    for package in (
        lifecycle.store,
        lifecycle.mlflow.fastpath,
        lifecycle.mlflow.messages,
    ):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | tuple | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


STATEMENTS = [
    pytest.param(text, id=f"{module.__name__}.{name}-{number}")
    for module in modules()
    for name, value in vars(module).items()
    if name.isupper()
    for number, text in enumerate(texts(value))
    if VERB.match(text) and not OF_POSTGRESQL.search(text)
]


def unknown_names(statement):
    """Return what is neither a table, an alias nor a column of those tables."""
    plain = TEXT.sub(" ", statement)
    named = {name for name in NAME.findall(plain) if name in COLUMNS}
    homes = {table: table for table in named}
    for table in named:
        for alias in re.findall(rf"\b{table}\s+(?:AS\s+)?([a-z]\w*)\b", plain):
            homes[alias] = table
    if insert := INSERT.match(statement):
        homes["excluded"] = insert[1]
    bare = set().union(*(COLUMNS[table] for table in named), homes)
    return [
        name
        for name in NAME.findall(plain)
        if not _is_known(name, homes, bare | _named_results(plain))
    ]


def _is_known(name, homes, bare):
    home, _, column = name.partition(".")
    return column in COLUMNS[homes[home]] if column and home in homes else name in bare


def _named_results(plain):
    """Return the names that subqueries and results have in the statement alone."""
    return set(re.findall(r"\)\s+(?:AS\s+)?([a-z]\w*)\b", plain))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_name_in_a_statement_is_a_table_or_a_column_of_a_model(statement):
    assert unknown_names(statement) == []


@pytest.mark.parametrize(
    "statement", [each for each in STATEMENTS if INSERT.match(each.values[0])]
)
def test_an_insert_fills_every_column_that_the_database_does_not(statement):
    table, columns = INSERT.match(statement).groups()
    given = {column.strip() for column in columns.split(",")}
    needed = {
        name
        for name, field in COLUMNS[table].items()
        if not field.null and not _is_made(field)
    }

    assert needed - given == set()


def _is_made(field):
    return field.has_db_default() or field.get_internal_type().endswith("AutoField")


def test_a_column_that_is_none_is_noticed():
    statement = "UPDATE lifecycle_run SET nothing = %s WHERE uid = %s"

    assert unknown_names(statement) == ["nothing"]


def test_statements_are_found():
    assert len(STATEMENTS) > 20
