"""Formulas over columns: what they mean, and that they can be nothing else."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.analytics import expression, profile
from datasets.analytics.errors import InvalidExpression
from datasets.analytics.schema import columns
from datasets.analytics.sql import TableColumn

COLUMNS = [
    TableColumn("a", "BIGINT"),
    TableColumn("b c", "DOUBLE"),
    TableColumn('q"x', "DECIMAL(9,2)"),
    TableColumn("값", "INTEGER"),
    TableColumn("t", "VARCHAR"),
]


@pytest.fixture
def table(data):
    path = data / "data.parquet"
    rows = {"a": [1, 2, None], "b c": [0.5, 0.0, 4.0], 'q"x': [3, 4, 5]}
    pq.write_table(pa.table(rows), path)
    return path


@pytest.mark.parametrize(
    ("formula", "low", "high", "nulls"),
    [
        ("a", 1, 2, 1),
        ("-a * 2 + 3", -1, 1, 1),
        ('a - 2 - "b c"', -1.5, 0, 1),
        ('8 / 2 / "q""x"', 0.8, 4 / 3, 0),
        ('(a + "q""x") * -.5e0', -3, -2, 1),
    ],
)
def test_a_formula_is_arithmetic_from_left_to_right(table, formula, low, high, nulls):
    made = expression.computed(table, expression.parse(formula), columns(table))

    (figures,) = profile.profile(made).columns

    assert (figures.min, figures.max) == (pytest.approx(low), pytest.approx(high))
    assert (figures.nulls, figures.type) == (nulls, "DOUBLE")


def test_a_division_by_zero_is_counted_and_not_hidden(table):
    made = expression.computed(table, expression.parse('a / "b c"'), columns(table))

    (figures,) = profile.profile(made).columns

    assert (figures.infinite, figures.nulls, figures.max) == (1, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "a b", "a +", "(a", "a)", "2a", '"a', '""', "a;", "a --", "1e999*a"),
        *("sum(a)", "a/*x*/", "a::INT", "a || a", "a > 1", "a, a", "a AS b", "[a]"),
        *("(SELECT 1)", "a; DROP TABLE a", "read_text('/etc/passwd')", "$source", "?"),
        *("t + 1", "nothing + 1", "a\x00", "a'", "`a`", "a % 2", "a ^ 2", "a ** 2"),
        *("(" * 60 + "a" + ")" * 60, "-" * 60 + "a", "a+" * 600 + "a", "a.a", "{a}"),
    ],
)
def test_what_is_no_arithmetic_over_numbers_is_refused(text):
    with pytest.raises(InvalidExpression) as refused:
        expression.parse(text).sql(COLUMNS)

    assert refused.value.field == "expression"


leaves = st.sampled_from(['"b c"', "a", '"q""x"', "값", "2", "0.5", "1e3"])
formulas = st.recursive(
    leaves,
    lambda inner: st.builds(
        "({} {} -{})".format, inner, st.sampled_from("+-*/"), inner
    ),
    max_leaves=12,
)


@given(text=formulas.map(lambda inner: f"a + {inner}"))
@settings(max_examples=60, deadline=None)
def test_the_sql_holds_columns_numbers_and_signs_only(text):
    sql = expression.parse(text).sql(COLUMNS)

    for name in ('"b c"', '"a"', '"q""x"', '"값"'):
        sql = sql.replace(f"{name}::DOUBLE", "0")
    assert set(sql.replace("::DOUBLE", "")) <= set("0123456789.e()+-*/ ")


@given(text=st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_formula_or_refused(text):
    try:
        found = expression.parse(text)
    except InvalidExpression:
        return
    assert found.columns
