"""Validates the parse tree of a statement: one SELECT, of allowed parts only.

The tree is that of DuckDB's own parser (`json_serialize_sql`). Nothing is searched in
the text, and what is not known here is refused.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from datasets.analytics.console.allowlist import (
    FUNCTIONS,
    SPECIAL,
    TABLE_FUNCTIONS,
    TYPES,
)
from datasets.analytics.console.model import SqlRefused

Tree = dict[str, Any]

QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
TABLE_REFS = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY"}
)
MODIFIERS = frozenset(
    {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
)
ORDERS = frozenset({"ASCENDING", "DESCENDING", "ORDER_DEFAULT"})
EXPRESSIONS = frozenset(
    {
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON"),
        *("CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR"),
        *("POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
    }
)
_PLAIN_NAME = re.compile(r"[\w ]+")
_STATEMENT_NAMES = {
    "SHOW_REF": "DESCRIBE and SHOW",
    "PARAMETER": "Parameters",
    "PIVOT": "PIVOT",
    "DEFAULT": "DEFAULT",
    "INSERT_QUERY_NODE": "INSERT",
    "UPDATE_QUERY_NODE": "UPDATE",
    "DELETE_QUERY_NODE": "DELETE",
    "MERGE_QUERY_NODE": "MERGE",
}


@dataclass(frozen=True, slots=True)
class _Names:
    """Names that a part of the tree may read: tables and columns, in lower case."""

    tables: frozenset[str]
    columns: frozenset[str]


def validated(serialized: Tree, tables: Mapping[str, Collection[str]]) -> Tree:
    """Return the tree of the only statement, all of it validated.

    `tables` are the names that it may read, with those of their columns. Raises
    SqlRefused.
    """
    names = _Names(
        frozenset(name.lower() for name in tables),
        frozenset(column.lower() for one in tables.values() for column in one),
    )
    if serialized.get("error"):
        raise _unparsed(serialized)
    statements = serialized["statements"]
    if len(statements) != 1:
        raise SqlRefused(
            "sql_not_one_statement",
            f"Send exactly one statement, not {len(statements)}.",
        )
    statement: Tree = statements[0]
    try:
        _visit(statement, names)
    except RecursionError:
        raise SqlRefused(
            "sql_not_allowed", "The statement is nested too deeply."
        ) from None
    return statement


def _unparsed(serialized: Tree) -> SqlRefused:
    if serialized.get("error_type") == "not implemented":
        return SqlRefused(
            "sql_not_select", "Only a SELECT is taken; nothing else is run."
        )
    return SqlRefused("sql_syntax", str(serialized.get("error_message", "")))


def _visit(node: Any, names: _Names) -> None:
    """Visit a part of the tree; its common table expressions count as tables."""
    if isinstance(node, list):
        for part in node:
            _visit(part, names)
    elif isinstance(node, dict):
        if queries := _named_queries(node):
            names = replace(names, tables=names.tables | queries)
        _visit_node(node, names)
        for part in node.values():
            _visit(part, names)


def _named_queries(node: Tree) -> frozenset[str]:
    found = node.get("cte_map")
    names = [item["key"] for item in found["map"]] if isinstance(found, dict) else []
    for name in names:
        # A table that is not there is looked for as a file of its name.
        if not _PLAIN_NAME.fullmatch(name):
            raise _not_allowed(f"The name {name[:80]!r} of a table")
    return frozenset(name.lower() for name in names)


def _visit_node(node: Tree, names: _Names) -> None:
    kind, group = node.get("type"), node.get("class")
    for field in ("sample", "at_clause"):
        if node.get(field) is not None:
            raise _not_allowed(field.removesuffix("_clause").upper())
    if group is not None:
        if group not in EXPRESSIONS:
            raise _not_allowed(_STATEMENT_NAMES.get(str(group), str(group)))
        _visit_expression(node, str(group), names)
    elif kind is not None:
        _visit_table_ref(node, str(kind), names)


def _visit_table_ref(node: Tree, kind: str, names: _Names) -> None:
    """Visit a query, a table or a sort modifier."""
    if kind not in QUERIES | TABLE_REFS | MODIFIERS | ORDERS:
        raise _not_allowed(_STATEMENT_NAMES.get(kind, kind))
    if kind == "BASE_TABLE":
        _visit_table(node, names)
    elif kind == "TABLE_FUNCTION":
        _require(_function(node["function"]), TABLE_FUNCTIONS)


def _visit_expression(node: Tree, group: str, names: _Names) -> None:
    if group in {"FUNCTION", "WINDOW"}:
        _require(_function(node), FUNCTIONS)
        if node.get("export_state"):
            raise _not_allowed("EXPORT_STATE")
    elif group == "TYPE":
        name = _bare(node, "type_name").lower()
        if name not in TYPES:
            raise _not_allowed(f"The type {name[:80]!r}")
    elif group == "COLUMN_REF":
        name = str(node["column_names"][0]).lower()
        if name in SPECIAL - names.columns:
            raise _not_allowed(f"The function {name!r}")


def _visit_table(node: Tree, names: _Names) -> None:
    name = _bare(node, "table_name")
    if name.lower() not in names.tables:
        raise SqlRefused(
            "sql_unknown_table",
            f"There is no table {name[:80]!r}; name it in `tables`.",
        )


def _function(node: Any) -> str:
    if not isinstance(node, dict) or node.get("class") not in {"FUNCTION", "WINDOW"}:
        raise _not_allowed("This function")
    return _bare(node, "function_name").lower()


def _require(name: str, allowed: Collection[str]) -> None:
    if name not in allowed:
        raise _not_allowed(f"The function {name[:80]!r}")


def _bare(node: Tree, field: str) -> str:
    """Return an unqualified name. Raises SqlRefused for one with a schema."""
    path = (node.get("qualified_name") or {}).get("path") or [node[field]]
    before = [node.get(key) for key in _QUALIFIERS]
    if len(path) != 1 or any(before) or path != [node[field]]:
        raise _not_allowed(f"{'.'.join(map(str, path))[:80]!r} with a schema")
    return str(node[field])


_QUALIFIERS = ("schema", "catalog", "schema_name", "catalog_name")


def _not_allowed(what: str) -> SqlRefused:
    return SqlRefused("sql_not_allowed", f"{what} is not allowed here.")


def terms(statement: Tree) -> list[Tree] | None:
    """Return the outermost ORDER BY, empty without one; None for DISTINCT ON.

    DISTINCT ON picks rows before they are ordered.
    """
    found: list[Tree] = []
    for modifier in _modifiers(statement):
        if modifier["type"] == "ORDER_MODIFIER":
            found = modifier["orders"]
        elif modifier["type"] == "DISTINCT_MODIFIER" and any(
            value for value in modifier.values() if isinstance(value, list)
        ):
            return None
    return found


def unlimited(statement: Tree) -> Tree | None:
    """Return the statement without its outermost LIMIT, None if it has none."""
    modifiers = list(_modifiers(statement))
    kept = [each for each in modifiers if not each["type"].startswith("LIMIT")]
    if len(kept) == len(modifiers):
        return None
    return {**statement, "node": {**statement["node"], "modifiers": kept}}


def _modifiers(statement: Tree) -> Iterator[Tree]:
    yield from statement["node"]["modifiers"]


def keys(
    ordered: list[Tree], columns: Mapping[str, int]
) -> list[tuple[int, str]] | None:
    """Return the ORDER BY as positions of result columns, with their directions.

    `columns` are the positions by lower-case name. None if a sort key is not one of
    them.
    """
    found: list[tuple[int, str]] = []
    for term in ordered:
        places = _places(term["expression"], columns)
        if places is None:
            return None
        direction = "DESC" if term["type"] == "DESCENDING" else "ASC"
        nulls = "FIRST" if term["null_order"] == "NULLS_FIRST" else "LAST"
        found += [(place, f"{direction} NULLS {nulls}") for place in places]
    return found


def _places(expression: Tree, columns: Mapping[str, int]) -> list[int] | None:
    group = expression["class"]
    if group == "COLUMN_REF" and len(expression["column_names"]) == 1:
        place = columns.get(expression["column_names"][0].lower())
        return None if place is None else [place]
    if group == "CONSTANT" and expression["literal"].get("kind") == "INTEGER":
        place = int(expression["literal"]["text"]) - 1
        return [place] if 0 <= place < len(columns) else None
    if group == "STAR" and not expression.get("relation_name"):
        plain = not (expression["exclude_list"] or expression["replace_list"])
        return list(range(len(columns))) if plain else None
    return None
