"""The kinds of quality rules, what each takes, and what a check says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

REVISION = 2


class RuleKind(StrEnum):
    NOT_NULL = "not_null"
    FINITE = "finite"
    UNIQUE = "unique"
    RANGE = "range"
    SET = "set"
    REGEX = "regex"
    TYPE = "type"
    ROW_COUNT = "row_count"
    FRESHNESS = "freshness"
    FOREIGN_KEY = "foreign_key"
    COMPARE = "compare"


class Severity(StrEnum):
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a kind: its JSON type, and whether it must be given."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class KindDescription:
    """A kind of rule: its condition, number of columns, and parameters."""

    kind: RuleKind
    description: str
    least_columns: int
    most_columns: int
    parameters: tuple[Parameter, ...] = ()


MOSTLY = Parameter(
    "mostly",
    "number",
    False,  # noqa: FBT003
    "Share of the checked rows for which it has to hold, 0 to 1 (1).",
)


def _kind(
    kind: RuleKind, description: str, columns: tuple[int, int], *parameters: Parameter
) -> tuple[RuleKind, KindDescription]:
    return kind, KindDescription(kind, description, *columns, parameters)


KINDS: Mapping[RuleKind, KindDescription] = dict(
    (
        _kind(
            RuleKind.NOT_NULL,
            "The column has a value in every row; NaN counts as missing.",
            (1, 1),
            Parameter("max_share", "number", False, "Share allowed to miss, 0 to 1."),  # noqa: FBT003
            MOSTLY,
        ),
        _kind(
            RuleKind.FINITE,
            "No number is NaN or infinite; missing values do not count.",
            (1, 1),
            MOSTLY,
        ),
        _kind(
            RuleKind.UNIQUE,
            "No two rows have equal values in the columns; rows with a gap do not"
            " count.",
            (1, 8),
            MOSTLY,
        ),
        _kind(
            RuleKind.RANGE,
            "Every value lies between min and max, both included.",
            (1, 1),
            Parameter("min", "value", False, "Least value; times in ISO 8601."),  # noqa: FBT003
            Parameter("max", "value", False, "Largest value; times in ISO 8601."),  # noqa: FBT003
            MOSTLY,
        ),
        _kind(
            RuleKind.SET,
            "Every value is one of the listed ones.",
            (1, 1),
            Parameter("values", "array", True, "Up to 1,000 values."),  # noqa: FBT003
            MOSTLY,
        ),
        _kind(
            RuleKind.REGEX,
            "Every text matches the whole pattern (RE2 syntax).",
            (1, 1),
            Parameter("pattern", "string", True, "Up to 500 characters."),  # noqa: FBT003
            MOSTLY,
        ),
        _kind(
            RuleKind.TYPE,
            "The column has this kind, such as integer, or this DuckDB type.",
            (1, 1),
            Parameter("type", "string", True, "A kind or a type."),  # noqa: FBT003
        ),
        _kind(
            RuleKind.ROW_COUNT,
            "The table has between min and max rows.",
            (0, 0),
            Parameter("min", "integer", False, "Least number of rows."),  # noqa: FBT003
            Parameter("max", "integer", False, "Largest number of rows."),  # noqa: FBT003
        ),
        _kind(
            RuleKind.FRESHNESS,
            "The newest date or time is at most this old when the check runs.",
            (1, 1),
            Parameter("max_age_hours", "number", True, "Hours, more than 0."),  # noqa: FBT003
        ),
        _kind(
            RuleKind.FOREIGN_KEY,
            "Every value occurs in a column of another dataset.",
            (1, 1),
            Parameter("dataset", "string", True, "Name of the other dataset."),  # noqa: FBT003
            Parameter("column", "string", True, "Its column."),  # noqa: FBT003
            MOSTLY,
        ),
        _kind(
            RuleKind.COMPARE,
            "The first column stands in this relation to the second in every row"
            " where both have a value.",
            (2, 2),
            Parameter("operator", "string", True, "One of eq ne lt le gt ge."),  # noqa: FBT003
            MOSTLY,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One thing that has to hold. `id` is the caller's, and only handed back."""

    kind: RuleKind
    columns: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.WARN
    id: str = ""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Result of one rule.

    `passed` is None when the rule could not be checked; `message` says why.
    `violations` counts rows (exact), `share` is their part of the `checked` rows, in
    [0, 1]. `observed` is the figure that was compared where rows are not; of rules
    about missing values, how many were NULL, NaN and infinite. Up to ten
    `examples` hold the position of a row (from 0) as `row` and the rule's columns.
    """

    rule: RuleSpec
    passed: bool | None
    message: str = ""
    observed: Any = None
    checked: int | None = None
    violations: int | None = None
    share: float | None = None
    examples: tuple[dict[str, Any], ...] = ()


def is_met(rule: RuleSpec, violations: int, checked: int) -> bool:
    """Whether few enough rows break a rule, without the error of a double."""
    allowed = rule.parameters.get("max_share")
    if allowed is None:
        allowed = 1 - Decimal(str(rule.parameters.get("mostly", 1)))
    return Decimal(violations) <= Decimal(str(allowed)) * checked


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The results in the order of the rules."""

    row_count: int
    results: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results)
