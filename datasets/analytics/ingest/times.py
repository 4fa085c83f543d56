"""Rules for dates and times: ISO 8601, with a zone, and as countries write them."""

import re
from collections.abc import Iterator

from datasets.analytics.ingest.rules import Rule
from datasets.analytics.sql import quote_literal

ZONE = "(Z|UTC|[-+](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
# The year 0 would be shown as the first before Christ, which no reader of text knows.
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DATE = f"{_YEAR}-[0-9]{{1,2}}-[0-9]{{1,2}}"
_CLOCK = "([01]?[0-9]|2[0-3]):[0-5][0-9]"


def _stamp(digits: int) -> str:
    return f"{_DATE}([ T]{_CLOCK}(:[0-5][0-9](\\.[0-9]{{1,{digits}}})?)?)?"


DATE = Rule(
    "dates",
    "DATE",
    _DATE,
    "try_cast({t} AS DATE)",
    quick="try_cast({x} AS DATE)",
    # Ten characters leave out the word infinity.
    fast="strlen({x}) = 10 AND {v}::VARCHAR = {x}",
)
TIMESTAMP = Rule(
    "times",
    "TIMESTAMP",
    _stamp(6),
    "try_cast({t} AS TIMESTAMP)",
    quick="try_cast({x} AS TIMESTAMP)",
    fast="CASE WHEN strlen({x}) < 19 THEN false WHEN {v}::VARCHAR = {x} THEN true"
    " ELSE {v}::VARCHAR = replace({x}, 'T', ' ') END",
)
NANOSECONDS = Rule("times", "TIMESTAMP_NS", _stamp(9), "try_cast({t} AS TIMESTAMP_NS)")
TIME = Rule(
    "times of day",
    "TIME",
    f"{_CLOCK}(:[0-5][0-9](\\.[0-9]{{1,6}})?)?",
    "try_cast({t} AS TIME)",
    quick="try_cast({x} AS TIME)",
    # The cast takes the end of a day as well.
    fast="{v}::VARCHAR = {x} AND {x} < '24'",
)
TIME_NANOSECONDS = Rule(
    "times of day",
    "TIME_NS",
    f"{_CLOCK}(:[0-5][0-9](\\.[0-9]{{1,9}})?)?",
    "try_cast({t} AS TIME_NS)",
)


def instants(offset: str | None) -> Rule:
    """Times with a zone's offset: all with this one, or with any for None."""
    zone = re.escape(offset) if offset else ZONE
    clock = f"{_DATE}[ T]{_CLOCK}(:[0-5][0-9](\\.[0-9]{{1,6}})?)?"
    plain = "regexp_replace(replace({t}, 'UTC', 'Z'), ' +([-+Z])', '\\1')"
    seen = f"the offset {offset}" if offset else "different offsets"
    return Rule(
        "times with a zone",
        "TIMESTAMP WITH TIME ZONE",
        f"{clock} ?{zone}",
        f"try_cast({plain} AS TIMESTAMPTZ)",
        # In UTC too they are of a year that text can say.
        holds="{v} BETWEEN '0001-01-01 00:00:00+00'::TIMESTAMPTZ"
        " AND '9999-12-31 23:59:59.999999+00'::TIMESTAMPTZ",
        note=f"times with {seen}, kept as instants in UTC",
    )


# Between the two orders of day and month, one day after the twelfth decides.
_LATE = "(1[3-9]|2[0-9]|3[01])"
_FORMATS = (
    ("%Y/%m/%d", ""),
    ("%Y.%m.%d", ""),
    ("%Y. %m. %d.", ""),
    ("%Y년 %m월 %d일", ""),
    ("%d.%m.%Y", ""),
    ("%d/%m/%Y", f"{_LATE}/.*"),
    ("%m/%d/%Y", f"[0-9]+/{_LATE}/.*"),
    ("%d-%m-%Y", f"{_LATE}-.*"),
    ("%m-%d-%Y", f"[0-9]+-{_LATE}-.*"),
)
_PARTS = {
    "%Y": _YEAR,
    "%m": "[0-9]{1,2}",
    "%d": "[0-9]{1,2}",
    "%H": "[0-9]{1,2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%y": "[0-9]{2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]+",
    "%I": "[0-9]{1,2}",
    "%p": "(?i:am|pm)",
    "%f": "[0-9]{1,6}",
}
_CLOCK_PARTS = ("%H", "%M", "%S", "%I", "%p", "%f")


def formatted(form: str, evidence: str = "") -> Rule:
    """Dates, or times where the form has a clock, in a form of strptime."""
    pieces = re.split(r"(%.)", form)
    pattern = "".join(_PARTS.get(piece, re.escape(piece)) for piece in pieces)
    has_clock = any(part in form for part in _CLOCK_PARTS)
    kind = "TIMESTAMP" if has_clock else "DATE"
    return Rule(
        "times" if has_clock else "dates",
        kind,
        pattern,
        f"try_strptime({{t}}, {quote_literal(form)})::{kind}",
        evidence=evidence,
        note=f"read as {form}",
        format=form,
    )


def is_known_form(form: str) -> bool:
    """Return whether a form holds year, month and day in directives that are read."""
    directives = re.findall(r"%.", form)
    known = all(directive in _PARTS for directive in directives)
    wanted = ({"%Y", "%y"}, {"%m", "%b", "%B"}, {"%d"})
    return known and all(names & set(directives) for names in wanted)


def local_forms() -> Iterator[Rule]:
    for form, evidence in _FORMATS:
        yield formatted(form, evidence)
        for clock in ("%H:%M", "%H:%M:%S"):
            yield formatted(f"{form} {clock}", evidence)
