"""Quality rules: what they count, what they show, and which are refused."""

import datetime as dt
import unicodedata
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.analytics import profile, quality, schema
from datasets.analytics.errors import InvalidRule, UnknownColumn
from datasets.analytics.quality import KINDS, RuleKind, RuleSpec, evaluate, suggest
from tests.datasets.analytics.random_tables import PROPERTY, typed_tables

NOW = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
TABLE = (
    "SELECT i AS id, i // 2 AS pair,"
    " CASE i WHEN 5 THEN 'nan'::DOUBLE WHEN 6 THEN NULL ELSE i / 100 END AS x,"
    " CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END AS word,"
    " TIMESTAMP '2024-01-01' - to_hours(i::INTEGER) AS at, i AS low, i + (i % 7) AS high"
    " FROM range(100) t(i)"
)


def check(table, kind, *columns, **parameters):
    rule = RuleSpec(RuleKind(kind), columns, parameters)
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
        {"row": 5, "values": {"x": "NaN"}},
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


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (NOW - dt.timedelta(hours=24), "The newest value is 24.0 hours old."),
        (NOW, "The newest value is 0.0 hours old."),
        (NOW + dt.timedelta(hours=24), "The newest value is 24.0 hours in the future."),
    ],
)
def test_freshness_tells_the_past_from_the_future(parquet, at, message):
    table = parquet(f"SELECT TIMESTAMPTZ '{at.isoformat()}' AS at")

    found = check(table, "freshness", "at", max_age_hours=48)

    assert (found.passed, found.message) == (True, message)


def test_many_rules_are_checked_at_once_and_answer_in_order(parquet):
    rules = [
        RuleSpec(RuleKind.RANGE, ("id",), {"min": n}, id=str(n)) for n in range(250)
    ]

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
    good = RuleSpec(RuleKind.NOT_NULL, ("id",))
    bad = RuleSpec(RuleKind(kind), tuple(columns), parameters)

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
        ("range", ["x"], {"min": 2, "max": 1.5}),
        ("row_count", [], {"min": 2, "max": 1}),
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
        quality.validate(RuleSpec(RuleKind(kind), tuple(columns), parameters), found)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("TIMESTAMP", "2024-01-01T23:59:59", "2024-01-02"),
        ("DATE", "2024-01-01", "2024-01-02"),
        ("TIME", "12:00:00", "12:00:00.000001"),
        ("TIMESTAMPTZ", "2024-01-01T09:00:00+09:00", "2024-01-01T00:00:01+00:00"),
        ("DECIMAL(38,2)", "0.1", "0.11"),
        ("BIGINT", 2**53, 2**53 + 1),
        ("DOUBLE", -1, 1.5),
    ],
)
def test_bounds_of_a_range_are_in_the_order_of_the_column(parquet, kind, low, high):
    found = schema.columns(parquet(f"SELECT CAST(NULL AS {kind}) AS x"))

    def rule(least, most):
        return RuleSpec(RuleKind.RANGE, ("x",), {"min": least, "max": most})

    quality.validate(rule(low, high), found)
    quality.validate(rule(low, low), found)
    with pytest.raises(InvalidRule, match="min must not be above max"):
        quality.validate(rule(high, low), found)


def test_an_unknown_column_is_refused_when_a_rule_is_made(parquet):
    with pytest.raises(UnknownColumn):
        quality.validate(
            RuleSpec(RuleKind.UNIQUE, ("gone",)), schema.columns(parquet(TABLE))
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

    rules = suggest(table, profile.profile(table))

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


def other(parquet, select):
    return {"other": parquet(select)}


@pytest.mark.parametrize(
    ("child", "parent", "violations"),
    [
        ("BIGINT '9007199254740993'", "BIGINT '9007199254740992'", 1),
        ("BIGINT '9007199254740993'", "9007199254740993::DECIMAL(20,0)", 0),
        ("9007199254740993::DECIMAL(38,2)", "BIGINT '9007199254740992'", 1),
        ("1.50::DECIMAL(9,2)", "1.5::DECIMAL(38,10)", 0),
        ("1.50::DECIMAL(9,2)", "1.5::DOUBLE", 0),
        ("2::DOUBLE", "2::INTEGER", 0),
        ("1e20::DOUBLE", "100000000000000000000::HUGEINT", 0),
        ("0.1::FLOAT", "0.1::DOUBLE", 0),
        ("TIMESTAMPTZ '2024-01-01 09:00:00+09'", "TIMESTAMP '2024-01-01'", 0),
        ("DATE '2024-01-01'", "TIMESTAMP '2024-01-01'", 0),
        ("1e-7::DOUBLE", "0.0000001::DECIMAL(20,7)", 0),
        ("-0.00000125::DECIMAL(20,10)", "-1.25e-6::DOUBLE", 0),
        ("1e-7::DOUBLE", "0.0000002::DECIMAL(20,7)", 1),
        ("9007199254740993::UBIGINT", "9007199254740992::DOUBLE", 1),
        ("18446744073709551615::UBIGINT", "18446744073709551614::HUGEINT", 1),
        ("nfc_normalize('café')", "'cafe' || chr(769)", 0),
        ("'cafe'", "'cafe' || chr(769)", 1),
    ],
)
def test_foreign_keys_are_compared_by_value(parquet, child, parent, violations):
    rule = RuleSpec(RuleKind.FOREIGN_KEY, ("x",), {"dataset": "other", "column": "y"})
    references = other(parquet, f"SELECT {parent} AS y")

    report = evaluate(parquet(f"SELECT {child} AS x"), [rule], references=references)

    assert report.results[0].violations == violations


@pytest.mark.parametrize(
    ("mostly", "passed"), [(0.7, True), (0.8, True), (0.81, False), (1, False)]
)
def test_a_share_of_the_rows_may_be_enough(parquet, mostly, passed):
    table = parquet("SELECT i AS x, i % 8 AS k FROM range(10) t(i)")

    results = [
        check(table, "range", "x", max=7, mostly=mostly),
        check(table, "set", "x", values=list(range(8)), mostly=mostly),
        check(table, "unique", "k", mostly=mostly),
    ]

    assert [result.violations for result in results] == [2, 2, 2]
    assert [result.passed for result in results] == [passed] * 3


def test_a_share_is_enough_for_every_kind_that_counts_rows(parquet):
    table = parquet(
        "SELECT i AS id, 'w' || i AS word, i AS low, i + 1 AS high,"
        " CASE WHEN i > 7 THEN NULL ELSE i END AS gap,"
        " CASE WHEN i > 7 THEN 'nan'::DOUBLE ELSE i END AS x FROM range(10) t(i)"
    )
    broken = [
        ("not_null", ["gap"], {}),
        ("finite", ["x"], {}),
        ("range", ["id"], {"max": 7}),
        ("regex", ["word"], {"pattern": "w[0-7]"}),
        ("set", ["word"], {"values": [f"w{i}" for i in range(8)]}),
        ("foreign_key", ["id"], {"dataset": "other", "column": "gap"}),
        ("compare", ["id", "gap"], {"operator": "lt"}),
    ]

    for kind, columns, parameters in broken:
        least = 0 if kind == "compare" else 0.8
        above = least + 0.01
        assert check(table, kind, *columns, **parameters, mostly=least).passed, kind
        assert not check(table, kind, *columns, **parameters, mostly=above).passed, kind


@pytest.mark.parametrize(
    ("left", "right", "holding"),
    [
        ("9007199254740993::BIGINT", "9007199254740992::DOUBLE", {"ne", "gt", "ge"}),
        ("9007199254740992::BIGINT", "9007199254740992::DOUBLE", {"eq", "le", "ge"}),
        ("1::BIGINT", "1.5::DOUBLE", {"ne", "lt", "le"}),
        ("1::BIGINT", "'inf'::DOUBLE", {"ne", "lt", "le"}),
        ("0.1::FLOAT", "0.1::DOUBLE", {"eq", "le", "ge"}),
        ("0.1::FLOAT", "0.2::DOUBLE", {"ne", "lt", "le"}),
        ("1e30::FLOAT", "1e300::DOUBLE", {"ne", "lt", "le"}),
        ("'é'", "'e' || chr(769)", {"eq", "le", "ge"}),
        (
            "TIMESTAMPTZ '2024-01-01 09:00:00+09'",
            "TIMESTAMP '2024-01-01'",
            {"eq", "le", "ge"},
        ),
    ],
)
def test_columns_are_compared_by_their_values(parquet, left, right, holding):
    table = parquet(f"SELECT {left} AS a, {right} AS b")
    operators = ("eq", "ne", "lt", "le", "gt", "ge")

    found = {
        op for op in operators if check(table, "compare", "a", "b", operator=op).passed
    }

    assert found == holding


def test_a_pattern_finds_either_form_of_unicode(parquet):
    decomposed = unicodedata.normalize("NFD", "서울")
    table = parquet(f"SELECT '서울' AS t UNION ALL SELECT '{decomposed}'")

    assert check(table, "regex", "t", pattern="서.").passed
    assert check(table, "regex", "t", pattern=decomposed).passed
    assert check(table, "set", "t", values=[decomposed]).passed


def test_missing_nan_and_infinite_are_told_apart(parquet):
    table = parquet("SELECT unnest(['1', NULL, 'nan', 'inf', '-inf'])::DOUBLE AS x")

    missing, finite = check(table, "not_null", "x"), check(table, "finite", "x")

    assert missing.observed == {"null": 1, "nan": 1, "infinite": 2}
    assert (missing.violations, finite.violations, finite.checked) == (2, 3, 4)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT repeat('x', 150) || i % 2 AS t FROM range(40) t(i)",
        "SELECT 10 + i AS low, 5 + i AS open, 9 AS high FROM range(40) t(i)",
        "SELECT CASE WHEN i = 0 THEN '-inf'::DOUBLE ELSE i END AS x FROM range(40) t(i)",
        "SELECT i // 2 AS id, 'a' || chr(0) AS t FROM range(40) t(i)",
        "SELECT ['é', 'e' || chr(769)][i % 2 + 1] AS t FROM range(40) t(i)",
    ],
)
def test_suggestions_hold_on_the_data_that_suggested_them(parquet, select):
    table = parquet(select)

    rules = suggest(table, profile.profile(table))

    assert rules
    assert all(result.passed for result in evaluate(table, rules).results)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    numbers=st.lists(
        st.one_of(st.none(), st.floats(width=32), st.integers(-(2**53), 2**53)),
        min_size=1,
        max_size=40,
    ),
    words=st.lists(st.one_of(st.none(), st.text(max_size=120)), min_size=1),
)
def test_any_suggestion_holds_on_its_own_data(data, numbers, words):
    rows = max(len(numbers), len(words))
    path = data / f"{uuid.uuid4().hex}.parquet"  # footers are cached
    columns = {
        "low": [float(v) if v is not None else None for v in numbers],
        "key": words,
    }
    padded = {name: (values * rows)[:rows] for name, values in columns.items()}
    padded["close"] = padded["low"][::-1]
    schema = pa.schema({"low": pa.float64(), "key": pa.string(), "close": pa.float64()})
    pq.write_table(pa.table(padded, schema=schema), path)

    rules = suggest(path, profile.profile(path))

    assert all(result.passed for result in evaluate(path, rules).results)


@PROPERTY
@given(table=typed_tables(most=40))
def test_suggestions_hold_on_data_of_every_type(data, table):
    path = data / f"{uuid.uuid4().hex}.parquet"  # footers are cached
    pq.write_table(table, path)

    rules = suggest(path, profile.profile(path))

    assert len(rules) > table.num_columns
    assert all(result.passed for result in evaluate(path, rules).results)
    path.unlink()
