"""The rules that a column may have, from the narrowest type to the widest."""

import re
from dataclasses import dataclass

from datasets.analytics.ingest.rules import (
    BOOLEAN,
    PLAIN,
    Rule,
    Signs,
    floating,
    whole_number,
)
from datasets.analytics.ingest.times import (
    DATE,
    NANOSECONDS,
    TIME,
    TIME_NANOSECONDS,
    TIMESTAMP,
    formatted,
    instants,
    local_forms,
)
from datasets.analytics.sql import quote_literal

_GROUPS = "-?[0-9]{1,3}(%s[0-9]{3}){2,}"
COMMA = Signs(",", ".")
_GROUPED = Signs(".", ",")
_COMMA_EVIDENCE = r"-?(0,.*|[0-9.]*[0-9]{4,},.*|.*\..*,.*|.*,([0-9]{1,2}|[0-9]{4,}))"
_GROUPED_EVIDENCE = _GROUPS % "," + r"(\..*)?|-?[0-9]{1,3}(,[0-9]{3})+\..*"
_POINTS_EVIDENCE = _GROUPS % r"\."


@dataclass(frozen=True, slots=True)
class Grammar:
    """The rules that a column may have, from the narrowest to the widest."""

    signs: Signs | None = None
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    date_formats: tuple[str, ...] = ()
    temporal: bool = True
    numeric: bool = True

    def rules(self) -> list[Rule]:
        """Return the rules of locale-independent spellings."""
        return [rule for stage in self.stages() for rule in stage]

    def stages(self) -> list[list[Rule]]:
        """Return the same by what they are of: numbers, then times."""
        found: list[list[Rule]] = []
        if self.numeric:
            found.append([self.truth(), *self.number()])
        if self.temporal:
            found.append(
                [DATE, TIMESTAMP, NANOSECONDS, TIME, TIME_NANOSECONDS, instants(None)]
            )
            found[-1] += map(formatted, self.date_formats)
        return found

    def local_rules(self) -> list[Rule]:
        """Return the rules of locale-dependent spellings."""
        found: list[Rule] = []
        if self.numeric and self.signs is None:
            found += [
                whole_number(_GROUPED, _GROUPS % ","),
                floating(_GROUPED, _GROUPED_EVIDENCE),
                whole_number(COMMA, _POINTS_EVIDENCE),
                floating(COMMA, _COMMA_EVIDENCE),
            ]
        if self.temporal and not self.date_formats:
            found += local_forms()
        return found

    def truth(self) -> Rule:
        if not (self.true_words and self.false_words):
            return BOOLEAN
        words = "|".join(map(re.escape, (*self.true_words, *self.false_words)))
        listed = ", ".join(map(quote_literal, self.true_words))
        return Rule(
            "truth values", "BOOLEAN", words, f"{{t}} IN ({listed})", note="words given"
        )

    def number(self) -> tuple[Rule, Rule]:
        """Return the rules of whole and of floating numbers, as written here."""
        signs = self.signs or PLAIN
        return whole_number(signs), floating(signs)
