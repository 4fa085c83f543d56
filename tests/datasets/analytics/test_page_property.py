"""Pages of any filter and order part the result: that of an oracle in Python.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

import datetime as dt
import math
import unicodedata
import uuid
from decimal import Decimal
from functools import cmp_to_key

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from datasets.analytics import rows
from datasets.analytics.filters import Condition, Operator, Order
from datasets.analytics.rows import Window
from tests.datasets.analytics.random_tables import PROPERTY

NAN = float("nan")
POOLS = {
    "i": (pa.int64(), [0, 1, 2, -5, 2**53 + 1, -(2**63), 2**63 - 1]),
    "x": (pa.float64(), [0.0, -0.0, 1.5, 1e300, float("inf"), float("-inf"), NAN]),
    "f": (pa.float32(), [0.0, 0.5, -2.25, NAN]),
    "s": (pa.string(), ["", "a", "A", "ab", "é", "e\u0301", "%", "가", "😀", "'"]),
    "d": (pa.date32(), [dt.date(2024, 1, 5), dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "b": (pa.bool_(), [True, False]),
    "e": (pa.decimal128(20, 2), [Decimal("0.00"), Decimal("1.10"), Decimal(-3)]),
}
COMPARED = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
TEXTUAL = {
    "contains": lambda cell, text: text in cell,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def wire(value):
    """Return a value as JSON has it in a filter."""
    return str(value) if isinstance(value, Decimal | dt.date) else value


@st.composite
def conditions(draw):
    name = draw(st.sampled_from(list(POOLS)))
    pool = [v for v in POOLS[name][1] if not isinstance(v, float) or math.isfinite(v)]
    operators = [*COMPARED, "in", "not_in", "between", "is_null", "not_null"]
    operator = draw(st.sampled_from([*operators, *(TEXTUAL if name == "s" else ())]))
    match operator:
        case "is_null" | "not_null":
            value = None
        case "in" | "not_in":
            value = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=7))
        case "between":
            value = draw(st.lists(st.sampled_from(pool), min_size=2, max_size=2))
        case _:
            value = draw(st.sampled_from(pool))
    return name, operator, value


ORDERS = st.lists(
    st.tuples(st.sampled_from(list(POOLS)), st.booleans()),
    max_size=3,
    unique_by=lambda order: order[0],
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {name: st.none() | st.sampled_from(pool) for name, (_, pool) in POOLS.items()}
    ),
    min_size=1,
    max_size=40,
)


def comparable(value):
    """Return what a filter compares; NaN is missing, text is in one form of Unicode."""
    if value is None or is_nan(value):
        return None
    return (
        unicodedata.normalize("NFC", value).encode()
        if isinstance(value, str)
        else value
    )


def meets(row, condition):
    name, operator, value = condition
    cell = comparable(row[name])
    if operator == "is_null":
        return cell is None
    if cell is None or operator == "not_null":
        return cell is not None
    if operator in COMPARED:
        return COMPARED[operator](cell, comparable(value))
    if operator in TEXTUAL:
        text = unicodedata.normalize("NFC", value)
        return TEXTUAL[operator](cell.decode(), text)
    values = list(map(comparable, value))
    if operator == "between":
        return values[0] <= cell <= values[1]
    return (cell in values) == (operator == "in")


def sort_key(orders):
    def compare(one, other):
        for name, descending in orders:
            a, b = (sortable(row[name]) for row in (one, other))
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if descending else 1)
        return one["n"] - other["n"]

    return cmp_to_key(compare)


def sortable(value):
    if value is None or is_nan(value):
        return None
    return value.encode() if isinstance(value, str) else value


@PROPERTY
@given(
    table=ROWS,
    wanted=st.lists(conditions(), max_size=2),
    orders=ORDERS,
    limit=st.integers(1, 25),
)
def test_pages_of_any_filter_and_order_are_the_rows_in_order(
    data, table, wanted, orders, limit
):
    table = [{**row, "n": number} for number, row in enumerate(table)]
    schema = pa.schema([("n", pa.int64()), *((k, t) for k, (t, _) in POOLS.items())])
    path = data / f"{uuid.uuid4().hex}.parquet"  # footers are cached
    pq.write_table(pa.Table.from_pylist(table, schema=schema), path, row_group_size=16)
    asked = [
        Condition(
            n, Operator(o), list(map(wire, v)) if isinstance(v, list) else wire(v)
        )
        for n, o, v in wanted
    ]
    window = {"columns": ["n"], "order_by": [Order(*order) for order in orders]}

    found, offset, total = [], 0, 1
    while offset < total:
        page = rows.page(path, Window(offset, limit, **window), asked)
        found += [row["n"] for row in page.rows]
        total, offset = page.total, offset + limit

    kept = [row for row in table if all(meets(row, each) for each in wanted)]
    kept.sort(key=sort_key(orders))
    assert found == [row["n"] for row in kept]
    assert total == len(kept)
    path.unlink()
