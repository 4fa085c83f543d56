"""The schema: the protocol's messages under GraphQL's names, read from REST's answers.

`schema.graphql` has the names. A field that a message leaves out has the value that
protobuf gives it, as in MLflow: "", 0, false, no items, or a message without fields.
"""

import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLFloat,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
)

from lifecycle.mlflow.graphql.roots import (
    MUTATIONS,
    QUERIES,
    RootField,
    experiment_of,
    rooted,
    versions_of,
)

Resolver = Callable[..., Any]
_HERE: Final = Path(__file__).parent
_CAPITAL: Final = re.compile("(?=[A-Z])")
_UNBOUNDED: Final = {"Infinity": sys.float_info.max, "-Infinity": -sys.float_info.max}
_ABSENT: Final = {"String": "", "Boolean": False}
_NO_MESSAGE: Final = frozenset({"ApiError"})


@cache
def schema() -> GraphQLSchema:
    """Return the schema with its resolvers, built once."""
    made = build_schema((_HERE / "schema.graphql").read_text(encoding="utf-8"))
    for kind in made.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            for name, asked in kind.fields.items():
                asked.out_name = _wire_name(name)
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, shown in kind.fields.items():
                shown.resolve = _reader(_wire_name(name), shown.type)
    _set_roots(made.query_type, QUERIES)
    _set_roots(made.mutation_type, MUTATIONS)
    run = _fields_of(made.type_map["MlflowRunExtension"])
    run["experiment"].resolve, run["modelVersions"].resolve = experiment_of, versions_of
    return made


def _set_roots(kind: GraphQLObjectType | None, roots: dict[str, RootField]) -> None:
    fields = _fields_of(kind)
    for name, root in roots.items():
        fields[name].resolve = rooted(root)


def _fields_of(kind: object) -> dict[str, GraphQLField]:
    if not isinstance(kind, GraphQLObjectType):
        raise TypeError(kind)
    fields: dict[str, GraphQLField] = kind.fields
    return fields


def _wire_name(name: str) -> str:
    """Return REST's name of a field: `runId` is `run_id` there."""
    return _CAPITAL.sub("_", name).lower()


def _reader(name: str, kind: GraphQLOutputType) -> Resolver:
    """Return what reads a field of a message."""
    if kind is GraphQLFloat:
        return lambda message, _info: _number(message.get(name, 0.0))
    if isinstance(kind, GraphQLScalarType) and kind.name == "LongString":
        return lambda message, _info: str(message.get(name, 0))
    absent = _absent(kind)

    def read(message: dict[str, Any], _info: Any) -> Any:
        value = message.get(name)
        return absent if value is None else value

    return read


def _absent(kind: GraphQLOutputType) -> Any:
    """Return what a field is that its message does not have; enumerations are null."""
    if isinstance(kind, GraphQLNonNull):
        return _absent(kind.of_type)
    if isinstance(kind, GraphQLList):
        return []
    if isinstance(kind, GraphQLObjectType):
        return None if kind.name in _NO_MESSAGE else {}
    if isinstance(kind, GraphQLScalarType):
        return _ABSENT[kind.name]
    return None


def _number(value: float | str) -> float | None:
    """Return a number that JSON has: no value for NaN, the largest for infinity.

    MLflow's own server keeps infinities as the largest number, so its pages know it.
    """
    if isinstance(value, str):
        return _UNBOUNDED.get(value)
    return value
