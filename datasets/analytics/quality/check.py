"""Checks the rules of a table: all rules about single rows in one pass."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import InvalidRule, QueryFailed, UnknownColumn
from datasets.analytics.filters import Clause, present
from datasets.analytics.quality.conditions import ROW_KINDS, RowRule, compiled
from datasets.analytics.quality.keys import common
from datasets.analytics.quality.rules import (
    QualityReport,
    RuleKind,
    RuleResult,
    RuleSpec,
    is_met,
)
from datasets.analytics.quality.validation import applicable
from datasets.analytics.sql import (
    ROW_NUMBER,
    Kind,
    Source,
    Table,
    TableColumn,
    count_where,
    pick,
    quote_ident,
    source_of,
)

EXAMPLES = 10
MAX_RULES = 500
_RULES_PER_QUERY = 100


def evaluate(
    table: Table,
    rules: Sequence[RuleSpec],
    *,
    references: Mapping[str, Table] | None = None,
    now: dt.datetime | None = None,
) -> QualityReport:
    """Return what every rule found. A rule that does not fit is a result, too.

    `references` are the tables of other datasets by name, for foreign keys; `now`
    is the time that freshness is measured from. Raises QueryTimeout or Busy.
    """
    if len(rules) > MAX_RULES:
        raise InvalidRule(f"At most {MAX_RULES} rules can be checked at once.")
    source = source_of(table)
    with Engine.for_process(Lane.HEAVY).cursor() as cursor:
        check = _Check(
            cursor,
            source,
            cursor.columns(source),
            {name: source_of(other) for name, other in (references or {}).items()},
            now or dt.datetime.now(dt.UTC),
        )
        return check.run(rules)


@dataclass(slots=True)
class _Check:
    """One run over one table."""

    cursor: Cursor
    source: Source
    columns: Sequence[TableColumn]
    references: Mapping[str, Source]
    now: dt.datetime
    row_count: int = 0
    chosen: dict[int, list[TableColumn]] = field(default_factory=dict)

    def run(self, rules: Sequence[RuleSpec]) -> QualityReport:
        (self.row_count,) = self._row(f"SELECT count(*) FROM {self.source.sql}")  # noqa: S608
        results: dict[int, RuleResult] = {}
        by_row: list[tuple[int, RuleSpec]] = []
        for number, rule in enumerate(rules):
            try:
                self.chosen[number] = applicable(rule, self.columns)
            except (InvalidRule, UnknownColumn) as error:
                results[number] = RuleResult(rule, None, error.message)
                continue
            if rule.kind in ROW_KINDS:
                by_row.append((number, rule))
            else:
                results[number] = self._single(rule, self.chosen[number])
        for start in range(0, len(by_row), _RULES_PER_QUERY):
            results |= self._rows(by_row[start : start + _RULES_PER_QUERY])
        return QualityReport(
            self.row_count, tuple(results[number] for number in range(len(rules)))
        )

    def _row(self, sql: str, **parameters: Any) -> tuple[Any, ...]:
        return self.cursor.row(sql, self.source.parameters | parameters)

    def _rows(self, rules: Sequence[tuple[int, RuleSpec]]) -> dict[int, RuleResult]:
        """Count the violations of many rules in one SELECT."""
        clause = Clause()
        parts = [compiled(clause, rule, self.chosen[number]) for number, rule in rules]
        select = ", ".join(
            f"{count_where(part.broken)}, {count_where(part.checked)}" for part in parts
        )
        try:
            counts = self.cursor.row(
                f"SELECT {select} FROM {self.source.sql}",  # noqa: S608
                self.source.parameters | clause.parameters,
            )
        except QueryFailed:
            if len(rules) == 1:  # such as a pattern that RE2 does not know
                number, rule = rules[0]
                return {number: RuleResult(rule, None, "The rule cannot be applied.")}
            return {
                number: result
                for pair in rules
                for number, result in self._rows([pair]).items()
            }
        return {
            number: self._judged(rule, number, counts[2 * index : 2 * index + 2])
            for index, (number, rule) in enumerate(rules)
        }

    def _judged(self, rule: RuleSpec, number: int, counts: Sequence[int]) -> RuleResult:
        violations, checked = counts
        share = violations / checked if checked else 0.0
        passed = is_met(rule, violations, checked)
        chosen = self.chosen[number]
        return RuleResult(
            rule,
            passed,
            checked=checked,
            violations=violations,
            share=share,
            observed=self._gaps(rule, chosen[0]),
            examples=() if passed else self._examples(rule, chosen),
        )

    def _gaps(self, rule: RuleSpec, column: TableColumn) -> dict[str, int] | None:
        """Distinguish NULL, NaN and infinities where a rule is about missing values."""
        if rule.kind not in {RuleKind.NOT_NULL, RuleKind.FINITE}:
            return None
        name, gaps = quote_ident(column.name), ["null"]
        counts = [count_where(f"{name} IS NULL")]
        if column.kind is Kind.FLOAT:
            gaps += ["nan", "infinite"]
            counts += [count_where(f"isnan({name})"), count_where(f"isinf({name})")]
        found = self._row(f"SELECT {', '.join(counts)} FROM {self.source.sql}")  # noqa: S608
        return dict(zip(gaps, found, strict=True))

    def _examples(
        self, rule: RuleSpec, chosen: Sequence[TableColumn]
    ) -> tuple[dict[str, Any], ...]:
        clause = Clause()
        part: RowRule = compiled(clause, rule, chosen)
        return self._shown(chosen, f"WHERE {part.broken}", clause.parameters)

    def _shown(
        self, chosen: Sequence[TableColumn], where: str, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ...]:
        rows = self.cursor.rows(
            f"SELECT {ROW_NUMBER}, {select_list(chosen)}"  # noqa: S608
            f" FROM {self.source.numbered_sql} {where}"
            f" ORDER BY {ROW_NUMBER} LIMIT {EXAMPLES:d}",
            {**self.source.parameters, **parameters},
        )
        values = records(chosen, [row[1:] for row in rows], Losses())
        return tuple(
            {"row": row[0], "values": shown}
            for row, shown in zip(rows, values, strict=True)
        )

    def _single(self, rule: RuleSpec, chosen: list[TableColumn]) -> RuleResult:
        checks: dict[RuleKind, Callable[[RuleSpec, list[TableColumn]], RuleResult]] = {
            RuleKind.UNIQUE: self._unique,
            RuleKind.TYPE: self._type,
            RuleKind.ROW_COUNT: self._count,
            RuleKind.FRESHNESS: self._freshness,
            RuleKind.FOREIGN_KEY: self._foreign_key,
        }
        try:
            return checks[rule.kind](rule, chosen)
        except QueryFailed:
            return RuleResult(rule, None, "The rule cannot be applied.")

    def _unique(self, rule: RuleSpec, chosen: list[TableColumn]) -> RuleResult:
        """Count rows beyond the first of their key, exactly: no estimate proves it."""
        key = ", ".join(present(column) for column in chosen)
        complete = " AND ".join(f"({present(c)}) IS NOT NULL" for c in chosen)
        checked, groups = self._row(
            f"SELECT coalesce(sum(n), 0)::BIGINT, count(*) FROM"  # noqa: S608
            f" (SELECT count(*) AS n FROM {self.source.sql}"
            f" WHERE {complete} GROUP BY {key})"
        )
        violations = checked - groups
        examples: tuple[dict[str, Any], ...] = ()
        if violations:
            # The key is unpacked by the row numbers of its second rows.
            seconds = self.cursor.rows(
                f"SELECT max({ROW_NUMBER}) FROM {self.source.numbered_sql}"  # noqa: S608
                f" WHERE {complete} GROUP BY {key} HAVING count(*) > 1"
                f" ORDER BY 1 LIMIT {EXAMPLES:d}",
                self.source.parameters,
            )
            where = f"WHERE {ROW_NUMBER} IN (SELECT unnest($numbers::BIGINT[]))"
            numbers = [row[0] for row in seconds]
            examples = self._shown(chosen, where, {"numbers": numbers})
        return RuleResult(
            rule,
            is_met(rule, violations, checked),
            checked=checked,
            violations=violations,
            share=violations / checked if checked else 0.0,
            examples=examples,
        )

    def _type(self, rule: RuleSpec, chosen: list[TableColumn]) -> RuleResult:
        expected, column = rule.parameters["type"], chosen[0]
        passed = expected.lower() == column.kind or expected.upper() == column.type
        return RuleResult(rule, passed, observed=column.type)

    def _count(self, rule: RuleSpec, _chosen: list[TableColumn]) -> RuleResult:
        low, high = rule.parameters.get("min"), rule.parameters.get("max")
        passed = (low is None or self.row_count >= low) and (
            high is None or self.row_count <= high
        )
        return RuleResult(rule, passed, observed=self.row_count)

    def _freshness(self, rule: RuleSpec, chosen: list[TableColumn]) -> RuleResult:
        name = quote_ident(chosen[0].name)
        (newest,) = self._row(
            f"SELECT epoch(max(CASE WHEN isfinite({name}) THEN {name} END))"  # noqa: S608
            f" FROM {self.source.sql}"
        )
        if newest is None:
            return RuleResult(rule, passed=False, message="There is no time at all.")
        hours = (self.now.timestamp() - newest) / 3600
        return RuleResult(
            rule,
            hours <= rule.parameters["max_age_hours"],
            message=_age(hours),
            observed=round(hours, 3),
        )

    def _foreign_key(self, rule: RuleSpec, chosen: list[TableColumn]) -> RuleResult:
        other = self.references.get(rule.parameters["dataset"])
        if other is None:
            return RuleResult(rule, None, "The other dataset has no ready version.")
        known = self.cursor.columns(other)
        try:
            target = pick(known, [rule.parameters["column"]], field="parameters")[0]
        except UnknownColumn as error:
            return RuleResult(rule, None, f"In the other dataset: {error.message}")
        value, inner = common(chosen[0], target)
        value, inner = f"({value})", f"({inner})"
        missing = (  # the placeholder is bound, the names are quoted
            f"{value} IS NOT NULL AND {value} NOT IN (SELECT {inner}"  # noqa: S608
            f" FROM read_parquet($other) WHERE {inner} IS NOT NULL)"
        )
        others = {"other": [str(path) for path in other.paths]}
        violations, checked = self._row(
            f"SELECT {count_where(missing)}, count({value})"  # noqa: S608
            f" FROM {self.source.sql}",
            **others,
        )
        examples = self._shown(chosen, f"WHERE {missing}", others) if violations else ()
        return RuleResult(
            rule,
            is_met(rule, violations, checked),
            checked=checked,
            violations=violations,
            share=violations / checked if checked else 0.0,
            examples=examples,
        )


def _age(hours: float) -> str:
    if hours < 0:
        return f"The newest value is {-hours:.1f} hours in the future."
    return f"The newest value is {hours:.1f} hours old."
