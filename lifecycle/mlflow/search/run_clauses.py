"""Clauses of a run search as SQL over `lifecycle_run r`.

`r` is joined with its experiment `e` and creator `u` (`messages.runs.TABLES`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.locations import SCHEME
from lifecycle.mlflow.messages.runs import WIRE_OF_STATUS
from lifecycle.mlflow.search.sql import (
    FALSE,
    NUMERIC,
    TEXTUAL,
    TRUE,
    Sql,
    bad_comparator,
    compare_number,
    compare_text,
    is_sqlite,
    joined,
    within,
)
from lifecycle.mlflow.search.syntax import All, AnyOf, FilterClause, Node
from lifecycle.models.param import INDEXED_CHARACTERS

ENTITIES: Final = {
    **dict.fromkeys(("", "attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("parameter", "parameters", "param", "params"), "parameter"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_STATUS = " ".join(
    f"WHEN '{ours}' THEN '{wire}'" for ours, wire in WIRE_OF_STATUS.items()
)
TEXT_ATTRIBUTES: Final = {
    "run_id": "r.uid",
    "run_name": "r.name",
    "user_id": "COALESCE(NULLIF(r.user_label, ''), u.username, '')",
    "status": f"CASE r.status {_STATUS} END",
    "artifact_uri": (
        f"CASE e.artifact_label WHEN '' THEN '{SCHEME}:/' || r.experiment_id"
        " ELSE e.artifact_label END || '/' || r.uid || '/artifacts'"
    ),
}
NUMBER_ATTRIBUTES: Final = {
    "start_time": "r.started_ms",
    "end_time": "r.ended_ms",
}
_ALIASES: Final = {
    "created": "start_time",
    "Created": "start_time",
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
}
_TABLES: Final = {"parameter": "lifecycle_param", "tag": "lifecycle_runtag"}


@dataclass(frozen=True, slots=True)
class Keys:
    """The ids of the keys that a search names; an unknown key has none."""

    ids: Mapping[str, int]

    def id_of(self, key: str) -> int | None:
        return self.ids.get(key)


def entity_of(written: str) -> str:
    """Return metric, parameter, tag, attribute or dataset. Raises InvalidValue."""
    if (entity := ENTITIES.get(written)) is None:
        raise InvalidValue(
            f"Invalid entity type '{written}'. Valid values are "
            "['metric', 'parameter', 'tag', 'attribute', 'dataset']"
        )
    return entity


def attribute_name(key: str) -> str:
    """Return the attribute under its own name. Raises InvalidValue."""
    name = _ALIASES.get(key, key)
    if name not in TEXT_ATTRIBUTES and name not in NUMBER_ATTRIBUTES:
        valid = sorted([*TEXT_ATTRIBUTES, *NUMBER_ATTRIBUTES])
        raise InvalidValue(
            f"Invalid attribute key '{key}' specified. Valid keys are '{valid}'"
        )
    return name


def known_keys(cursor: CursorWrapper, names: set[str]) -> Keys:
    """Look the keys up in one statement."""
    if not names:
        return Keys({})
    wanted = within("name", sorted(names))
    cursor.execute(
        f"SELECT name, id FROM lifecycle_key WHERE {wanted.text}",  # noqa: S608 - marks
        wanted.values,
    )
    return Keys(dict(cursor.fetchall()))


def condition(node: Node, keys: Keys) -> Sql:
    """Return the tree as one condition. Raises InvalidValue for what is no search."""
    match node:
        case All(parts):
            return joined(" AND ", [condition(part, keys) for part in parts])
        case AnyOf(parts):
            return joined(" OR ", [condition(part, keys) for part in parts])
        case FilterClause():
            return _clause(node, keys)


def candidates(clause: FilterClause, keys: Keys) -> Sql | None:
    """Return a SELECT of the runs' keys that an index gives, or None.

    For clauses that an index can answer; it is used to see how few they are. A run
    too many may be among them: the whole filter is asked as well.
    """
    entity, key = entity_of(clause.entity), keys.id_of(clause.key)
    if key is None:
        return None
    if entity == "metric" and clause.comparator != "!=":
        compared = compare_number("value", clause.comparator, _number(clause))
        start = Sql(
            "SELECT run_id FROM lifecycle_latestmetric WHERE key_id = %s AND is_nan"
            " = %s AND ",
            (key, False),
        )
        return start + compared
    if entity in _TABLES and clause.comparator == "=" and not clause.is_number:
        # Without `value = …` beside it: SQLite would put that value into the head,
        # and then not know its own index any more.
        return Sql(
            f"SELECT run_id FROM {_TABLES[entity]} WHERE key_id = %s"  # noqa: S608 - own tables
            f" AND {_head('value')} = %s",
            (key, str(clause.value)[:INDEXED_CHARACTERS]),
        )
    return None


def _head(column: str) -> str:
    """Return the expression that the walk indexes are made of."""
    function = "SUBSTR({}, 1, {})" if is_sqlite() else "LEFT({}, {})"
    return function.format(column, INDEXED_CHARACTERS)


def _clause(clause: FilterClause, keys: Keys) -> Sql:
    match entity_of(clause.entity):
        case "metric":
            return _metric(clause, keys)
        case "attribute":
            return _attribute(clause)
        case "dataset":
            return _dataset(clause)
        case entity:
            return _keyed_text(_TABLES[entity], entity, clause, keys)


def _metric(clause: FilterClause, keys: Keys) -> Sql:
    compared = compare_number("m.value", clause.comparator, _number(clause))
    if (key := keys.id_of(clause.key)) is None:
        return FALSE
    real = (
        Sql("m.is_nan OR ") if clause.comparator == "!=" else Sql("NOT m.is_nan AND ")
    )
    start = Sql(
        # `dataset` is in the unique index alone: it keeps SQLite from scanning a key.
        "EXISTS (SELECT 1 FROM lifecycle_latestmetric m WHERE m.run_id = r.id"
        " AND m.key_id = %s AND m.dataset >= '' AND (",
        (key,),
    )
    return start + real + compared + "))"


def _keyed_text(table: str, entity: str, clause: FilterClause, keys: Keys) -> Sql:
    key = keys.id_of(clause.key)
    start = Sql(
        f"EXISTS (SELECT 1 FROM {table} t WHERE t.run_id = r.id AND t.key_id = %s",  # noqa: S608 - own tables
        (key,),
    )
    if clause.comparator == "IS NULL":
        return TRUE if key is None else Sql("NOT ") + start + ")"
    if clause.comparator == "IS NOT NULL":
        return FALSE if key is None else start + ")"
    if clause.is_number:
        raise InvalidValue(
            f"Expected a quoted string value for {entity} (e.g. 'my-value'). Got value "
            f"{clause.value}"
        )
    compared = compare_text("t.value", clause.comparator, clause.value)
    return FALSE if key is None else start + " AND " + compared + ")"


def _attribute(clause: FilterClause) -> Sql:
    name = attribute_name(clause.key)
    if name in NUMBER_ATTRIBUTES:
        return compare_number(
            NUMBER_ATTRIBUTES[name], clause.comparator, _number(clause)
        )
    if clause.is_number or clause.comparator not in TEXTUAL:
        if clause.is_number:
            raise InvalidValue(
                "Expected a quoted string value for attributes. Got value "
                f"{clause.value}"
            )
        raise bad_comparator(clause.comparator, TEXTUAL)
    return compare_text(TEXT_ATTRIBUTES[name], clause.comparator, clause.value)


def _dataset(clause: FilterClause) -> Sql:
    columns = {"name": "d.name", "digest": "d.digest", "context": _context()}
    if clause.key not in columns:
        raise InvalidValue(
            f"Invalid dataset key '{clause.key}' specified. Valid keys are "
            f"'{sorted(columns)}'"
        )
    if clause.is_number:
        raise InvalidValue(
            "Expected a quoted string value for dataset attributes. Got value "
            f"{clause.value}"
        )
    start = Sql(
        "EXISTS (SELECT 1 FROM lifecycle_runinput i JOIN lifecycle_inputdataset d"
        " ON d.id = i.dataset_id WHERE i.run_id = r.id AND "
    )
    compared = compare_text(columns[clause.key], clause.comparator, clause.value)
    return start + compared + ")"


def _context() -> str:
    if is_sqlite():
        return "JSON_EXTRACT(i.tags, '$.\"mlflow.data.context\"')"
    return "(i.tags ->> 'mlflow.data.context')"


def _number(clause: FilterClause) -> float:
    if clause.comparator not in NUMERIC:
        raise bad_comparator(clause.comparator, NUMERIC)
    if not clause.is_number:
        what = entity_of(clause.entity)
        kind = "metric" if what == "metric" else f"numeric attribute: {clause.key}"
        raise InvalidValue(
            f"Expected numeric value type for {kind}. Found {clause.value}"
        )
    text = str(clause.value)
    try:
        whole = int(text)
    except ValueError:
        return float(text)
    return whole if abs(whole) < 2**63 else float(whole)
