"""The types that a person may choose for a column: their reading may lose spelling."""

import re
from dataclasses import replace

from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.rules import (
    EXPONENT,
    IS_NON_FINITE,
    MAX_DIGITS,
    NON_FINITE,
    TEXT,
    Rule,
    Signs,
    same_number,
)
from datasets.analytics.ingest.times import (
    DATE,
    NANOSECONDS,
    TIME,
    TIME_NANOSECONDS,
    TIMESTAMP,
    formatted,
    instants,
)

# Days after the year 9999 and before the first, and times, as DuckDB writes them.
_FAR_DAY = "[1-9][0-9]{4,6}-[0-9]{2}-[0-9]{2}|[0-9]{4,7}-[0-9]{2}-[0-9]{2} [(]BC[)]"
_CLOCK = " [0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
_EXACT = re.compile(r"DECIMAL\((\d{1,2}),(\d{1,2})\)")


def chosen_rule(kind: str, signs: Signs, grammar: Grammar) -> Rule:
    """Return the rule of a type that the user chose: the spelling may be lost.

    Raises KeyError for a type that cannot be chosen.
    """
    if exact := _EXACT.fullmatch(kind):
        return _chosen_decimal(int(exact[1]), int(exact[2]), signs)
    plain = signs.plain("{t}")
    digits = f"[-+]?[0-9{re.escape(signs.thousands)}]"
    if kind in _WHOLE:
        convert = f"try_cast({plain} AS {kind})"
        return Rule("whole numbers", kind, f"{digits}+", convert, is_number=True)
    if kind in _FLOATING:
        return Rule(
            "numbers",
            kind,
            f"{digits}*({re.escape(signs.decimal)}[0-9]*)?{EXPONENT}|{NON_FINITE}",
            f"try_cast({plain} AS {kind})",
            holds=f"CASE WHEN isfinite({{v}}) THEN true ELSE {IS_NON_FINITE} END",
            same=f"CASE WHEN isfinite({{v}})"
            f" THEN {same_number(_unsigned(plain), _FLOATING[kind])} ELSE true END",
            is_number=True,
        )
    rules = {
        "VARCHAR": TEXT,
        "BOOLEAN": grammar.truth(),
        "DATE": _either(_endless(DATE), grammar, "DATE"),
        "TIMESTAMP": _either(_endless(TIMESTAMP, f"({_CLOCK})?"), grammar, "TIMESTAMP"),
        "TIMESTAMP_NS": NANOSECONDS,
        "TIMESTAMP WITH TIME ZONE": replace(
            _endless(instants(None), rf"{_CLOCK}\+00"),
            # Of any year that the type has: one that is beyond text is written, too.
            holds="{v} IS NOT NULL",
            note="times with a zone, kept as instants in UTC",
        ),
        "TIME": TIME,
        "TIME_NS": TIME_NANOSECONDS,
        "UUID": _UUID,
        "BLOB": _BINARY,
    }
    return rules[kind]


_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)
# In JSON a FLOAT is written as the DOUBLE that it is: 0.1 with 17 digits.
_FLOATING = {"FLOAT": ("{v}", "{v}::DOUBLE"), "DOUBLE": ("{v}",)}
CHOSEN_TYPES = (
    *_WHOLE,
    *_FLOATING,
    "VARCHAR",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE",
    "TIME",
    "TIME_NS",
    "UUID",
    "BLOB",
)
_UUID = Rule("identifiers", "UUID", "[-0-9a-fA-F]{36}", "try_cast({t} AS UUID)")
_BINARY = Rule(
    "Base64",
    "BLOB",
    "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "TRY(from_base64({t}))",
    has_empty=True,
)


def is_chosen_type(kind: str) -> bool:
    """Return whether a user may choose this type for a column."""
    exact = _EXACT.fullmatch(kind)
    if exact:
        return 1 <= int(exact[1]) <= MAX_DIGITS and int(exact[2]) <= int(exact[1])
    return kind in CHOSEN_TYPES


def _unsigned(plain: str) -> str:
    """Return SQL of a number without its plus: it changes no value, as zeros do not."""
    return f"ltrim({plain}, '+')"


def _chosen_decimal(digits: int, scale: int, signs: Signs) -> Rule:
    before = f"[0-9{re.escape(signs.thousands)}]*"
    behind = f"({re.escape(signs.decimal)}[0-9]{{0,{scale}}}0*)?"
    kind = f"DECIMAL({digits},{scale})"
    return Rule(
        "exact numbers",
        kind,
        f"[-+]?{before}{behind}",
        f"try_cast({signs.plain('{t}')} AS {kind})",
        is_number=True,
    )


def _endless(rule: Rule, clock: str = "") -> Rule:
    """Accept what exports write as well: infinite times, and those of far years."""
    return replace(rule, pattern=f"{rule.pattern}|-?infinity|({_FAR_DAY}){clock}")


def _either(rule: Rule, grammar: Grammar, kind: str) -> Rule:
    """Return the rule of the first form given for this type, else the ISO one."""
    forms = [formatted(form) for form in grammar.date_formats]
    return next((found for found in forms if found.type == kind), rule)
