"""Quality rules: what they count, what they show, and which are refused."""

import datetime as dt

import pytest

from datasets.analytics import profile, quality, schema
from datasets.analytics.errors import InvalidRule, UnknownColumn
from datasets.analytics.quality import KINDS, Rule, RuleKind, evaluate, suggest

NOW = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
TABLE = (
    "SELECT i AS id, i // 2 AS pair,"
    " CASE i WHEN 5 THEN 'nan'::DOUBLE WHEN 6 THEN NULL ELSE i / 100 END AS x,"
    " CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END AS word,"
    " TIMESTAMP '2024-01-01' - to_hours(i::INTEGER) AS at, i AS low, i + (i % 7) AS high"
    " FROM range(100) t(i)"
)


def check(table, kind, *columns, **parameters):
    rule = Rule(RuleKind(kind), columns, parameters)
    return evaluate(table, [rule], references={"other": table}, now=NOW).results[0]


@pytest.mark.parametrize(
    ("kind", "columns", "parameters", "violations"),
    [
        ("not_null", ["x"], {}, 2),
        ("not_null", ["id"], {}, 0),
        ("unique", ["id"], {}, 0),
        ("unique", ["pair"], {}, 50),
        ("unique", ["pair", "word"], {}, 0),
        ("range", ["x"], {"min": 0, "max": 0.9}, 9),
        ("range", ["id"], {"max": 49}, 50),
        ("range", ["at"], {"min": "2023-12-31T00:00:00"}, 75),
        ("set", ["word"], {"values": ["odd"]}, 50),
        ("set", ["id"], {"values": list(range(99))}, 1),
        ("regex", ["word"], {"pattern": "o.*"}, 50),
        ("regex", ["word"], {"pattern": "[a-z]+"}, 0),
        ("compare", ["low", "high"], {"operator": "le"}, 0),
        ("compare", ["low", "high"], {"operator": "lt"}, 15),
        ("foreign_key", ["pair"], {"dataset": "other", "column": "id"}, 0),
        ("foreign_key", ["id"], {"dataset": "other", "column": "pair"}, 50),
    ],
)
def test_rules_count_the_rows_that_break_them(
    parquet, kind, columns, parameters, violations
):
    found = check(parquet(TABLE), kind, *columns, **parameters)

    assert found.violations == violations
    assert found.passed is (violations == 0)
    assert found.share == violations / found.checked
    assert len(found.examples) == min(violations, 10)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("range", {"min": 0}),
        ("set", {"values": [1, 2]}),
        ("foreign_key", {"dataset": "other", "column": "id"}),
    ],
)
def test_a_column_without_values_breaks_no_rule_about_values(parquet, kind, parameters):
    table = parquet("SELECT i AS id, NULL::DOUBLE AS x FROM range(10) t(i)")

    found = check(table, kind, "x", **parameters)

    assert (found.passed, found.checked, found.violations) == (True, 0, 0)


def test_examples_are_rows_of_the_file(parquet):
    found = check(parquet(TABLE), "not_null", "x")

    assert found.examples == (
        {"row": 5, "values": {"x": None}},
        {"row": 6, "values": {"x": None}},
    )


def test_a_share_may_be_missing(parquet):
    table = parquet(TABLE)

    assert check(table, "not_null", "x", max_share=0.02).passed
    assert not check(table, "not_null", "x", max_share=0.01).passed


@pytest.mark.parametrize(
    ("kind", "columns", "parameters", "passed"),
    [
        ("type", ["x"], {"type": "float"}, True),
        ("type", ["x"], {"type": "DOUBLE"}, True),
        ("type", ["x"], {"type": "integer"}, False),
        ("row_count", [], {"min": 100, "max": 100}, True),
        ("row_count", [], {"min": 101}, False),
        ("freshness", ["at"], {"max_age_hours": 24}, True),
        ("freshness", ["at"], {"max_age_hours": 23}, False),
    ],
)
def test_rules_about_the_table(parquet, kind, columns, parameters, passed):
    assert check(parquet(TABLE), kind, *columns, **parameters).passed is passed


def test_many_rules_are_checked_at_once_and_answer_in_order(parquet):
    rules = [Rule(RuleKind.RANGE, ("id",), {"min": n}, id=str(n)) for n in range(250)]

    report = evaluate(parquet(TABLE), rules)

    assert [result.rule.id for result in report.results] == [str(n) for n in range(250)]
    assert [result.violations for result in report.results[:101]] == list(range(101))
    assert not report.passed


@pytest.mark.parametrize(
    ("kind", "columns", "parameters"),
    [
        ("unique", ["gone"], {}),
        ("range", ["word"], {"min": 1}),
        ("regex", ["word"], {"pattern": "(["}),
        ("foreign_key", ["id"], {"dataset": "unknown", "column": "id"}),
        ("foreign_key", ["id"], {"dataset": "other", "column": "gone"}),
    ],
)
def test_a_rule_that_cannot_be_checked_is_a_result(parquet, kind, columns, parameters):
    good = Rule(RuleKind.NOT_NULL, ("id",))
    bad = Rule(RuleKind(kind), tuple(columns), parameters)

    table = parquet(TABLE)
    report = evaluate(table, [good, bad, good], references={"other": table})

    assert [result.passed for result in report.results] == [True, None, True]
    assert report.results[1].message


@pytest.mark.parametrize(
    ("kind", "columns", "parameters"),
    [
        ("not_null", [], {}),
        ("not_null", ["id", "x"], {}),
        ("not_null", ["id"], {"max_share": 2}),
        ("not_null", ["id"], {"other": 2}),
        ("range", ["id"], {}),
        ("range", ["id"], {"min": "many"}),
        ("set", ["id"], {"values": []}),
        ("set", ["id"], {}),
        ("regex", ["id"], {"pattern": "a"}),
        ("regex", ["word"], {"pattern": "a" * 501}),
        ("regex", ["word"], {"pattern": "("}),
        ("regex", ["word"], {"pattern": r"(a)\1"}),
        ("type", ["id"], {"type": 5}),
        ("row_count", [], {}),
        ("row_count", [], {"min": -1}),
        ("freshness", ["id"], {"max_age_hours": 1}),
        ("freshness", ["at"], {"max_age_hours": 0}),
        ("compare", ["id", "word"], {"operator": "lt"}),
        ("compare", ["low", "high"], {"operator": "like"}),
    ],
)
def test_a_rule_without_sense_is_refused_when_it_is_made(
    parquet, kind, columns, parameters
):
    found = schema.columns(parquet(TABLE))

    with pytest.raises(InvalidRule):
        quality.validate(Rule(RuleKind(kind), tuple(columns), parameters), found)


def test_an_unknown_column_is_refused_when_a_rule_is_made(parquet):
    with pytest.raises(UnknownColumn):
        quality.validate(
            Rule(RuleKind.UNIQUE, ("gone",)), schema.columns(parquet(TABLE))
        )


def test_hostile_names_and_values_are_only_data(parquet):
    table = parquet("""SELECT 'x''); DROP' AS "a{b}""; --" """)
    name = 'a{b}"; --'

    assert check(table, "unique", name).passed
    assert check(table, "set", name, values=["x'); DROP"]).passed
    assert check(table, "foreign_key", name, dataset="other", column=name).passed


def test_suggested_rules_hold_for_what_was_profiled(parquet):
    table = parquet(
        "SELECT i AS row_id, 10.0 + i AS low, 11.0 + i AS high, 10.5 + i AS close,"
        " CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS side FROM range(1000) t(i)"
    )

    rules = suggest(profile.profile(table))

    kinds = {rule.kind for rule in rules}
    assert {
        "not_null",
        "unique",
        "range",
        "set",
        "compare",
        "row_count",
        "type",
    } <= kinds
    assert evaluate(table, rules).passed


def test_every_kind_is_described():
    assert set(KINDS) == set(RuleKind)
    assert all(described.description for described in KINDS.values())
