"""SQL of people: what it answers, and what it cannot do."""

import io
import json
import os
from pathlib import Path

import duckdb
import orjson
import pyarrow.parquet as pq
import pytest

from datasets.analytics import console
from datasets.analytics.console import (
    Form,
    RowOrder,
    SqlRequest,
    StatementLimits,
    error_messages,
    parent,
    statement,
)
from datasets.analytics.console.model import SqlLimit, SqlRefused, SqlUnavailable
from datasets.analytics.console.slots import slot
from datasets.analytics.errors import AnalyticsError, Busy
from mlops.sandbox import isolation
from tests.datasets.analytics.hostile_sql import ENDED, REFUSED

pytestmark = pytest.mark.skipif(
    bool(isolation.missing()), reason="this kernel or container lacks a wall"
)
NUMBERS = "SELECT i, 'n' || i % 7 AS name, (i / 2)::DOUBLE AS x FROM range(1000) t(i)"
PATIENT = StatementLimits(wall_s=120, wait_s=120, cpu_s=60)
"""On a loaded machine; what takes seconds is ended by its own limit in the others."""
SHORT = StatementLimits(wall_s=60, wait_s=120, cpu_s=3)
SAMPLE = [*REFUSED[::45], *ENDED[5::14]]


@pytest.fixture
def table(parquet):
    return parquet(NUMBERS)


def ask(sql, tables, form=Form.PAGE, limits=PATIENT, **window):
    tables = tables if isinstance(tables, dict) else {"data": tables}
    body = io.BytesIO()
    found = console.ask(SqlRequest(sql, tables, form, **window), body, limits)
    return found, body.getvalue()


def page(sql, tables, **window):
    found, body = ask(sql, tables, **window)
    return found, orjson.loads(body)


def test_a_select_is_answered_as_a_page_with_types(table):
    sql = (
        "SELECT name, sum(i) AS s, avg(x) FROM data GROUP BY ALL ORDER BY name; -- end"
    )

    found, rows = page(sql, table, limit=2, offset=1)

    assert found.columns == (
        ("name", "VARCHAR"),
        ("s", "HUGEINT"),
        ("avg(x)", "DOUBLE"),
    )
    assert rows[0] == {"name": "n1", "s": 71214, "avg(x)": 249.0}
    assert (found.has_more, found.row_count, found.order) == (
        True,
        None,
        RowOrder.TOTAL,
    )


def test_named_tables_are_joined(table, parquet):
    other = parquet("SELECT 'n1' AS name, 'one' AS word")

    sql = "SELECT word, count(*) AS n FROM data JOIN words USING (name) GROUP BY word"
    found, rows = page(sql, {"data": table, "words": other})

    assert rows == [{"word": "one", "n": 143}]
    assert (found.row_count, found.order) == (1, RowOrder.NONE)


def test_values_leave_as_the_rows_of_the_api_do(table):
    sql = (
        "SELECT 'nan'::DOUBLE AS x, 9007199254740993 AS big, 1.10::DECIMAL(9,2) AS d,"
        " repeat('a', 2000) AS long, NULL AS nothing"
    )

    found, (row,) = page(sql, table)

    assert row == {
        "x": "NaN",
        "big": "9007199254740993",
        "d": "1.10",
        "long": "a" * 1000 + "…",
        "nothing": None,
    }
    assert found.losses["non_finite_cells"] == [[0, "x", "NaN"]]
    assert found.losses["truncated"] == 1


@pytest.mark.parametrize(
    ("ending", "order"),
    [
        ("", RowOrder.NONE),
        ("ORDER BY i", RowOrder.TOTAL),
        ("ORDER BY name, 1 DESC", RowOrder.TOTAL),
        ("ORDER BY ALL", RowOrder.TOTAL),
        ("ORDER BY name", RowOrder.TIES),
        ("ORDER BY name LIMIT 1", RowOrder.TIES),
        ("ORDER BY i % 3", RowOrder.UNCHECKED),
        ("ORDER BY data.i", RowOrder.UNCHECKED),
    ],
)
def test_an_order_is_total_when_no_two_rows_are_equal_in_it(table, ending, order):
    found, _ = ask(f"SELECT i, name FROM data {ending}", table, limit=1)

    assert found.order is order


def test_equal_rows_may_be_equal_in_their_order(table):
    found, _ = ask("SELECT name FROM data ORDER BY name", table, limit=1)

    assert found.order is RowOrder.TOTAL


def test_a_result_is_a_parquet_file_with_every_digit(table):
    sql = "SELECT i, sum(i::HUGEINT * 10000000000000000) OVER () AS s FROM data ORDER BY i"

    found, body = ask(sql, table, Form.PARQUET)

    read = pq.read_table(io.BytesIO(body))
    assert (found.row_count, read.num_rows) == (1000, 1000)
    assert read.column("i").to_pylist() == list(range(1000))
    assert str(read.column("s")[0]) == "4995000000000000000000"


def test_rows_of_a_version_are_sorted_by_what_the_result_shows(table):
    sql = "SELECT * REPLACE (-i AS i) FROM data ORDER BY i"

    _, body = ask(sql, table, Form.VERSION)

    values = pq.read_table(io.BytesIO(body)).column("i").to_pylist()
    assert values == sorted(values)


@pytest.mark.parametrize("ending", ["", "ORDER BY name", "ORDER BY i % 3"])
def test_a_version_needs_a_total_order(table, ending):
    with pytest.raises(SqlRefused) as refused:
        ask(f"SELECT i, name FROM data {ending}", table, Form.VERSION)

    assert refused.value.code == "sql_no_total_order"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nope FROM data", "sql_invalid"),
        ("SELECT i::VARCHAR::DATE FROM data", "sql_failed"),
        ("SELECT 1 // (i - i) FROM data", "sql_failed"),
        ("SELECT 1 AS a, 2 AS a", "sql_duplicate_column"),
        ("SELECT '/etc/passwd'::INT", "sql_failed"),
        ("SELECT FROM", "sql_syntax"),
        ("", "sql_not_one_statement"),
        ("SELECT 'a\0b'", "sql_not_one_statement"),
        ("SELECT " + "1," * 20_000 + "1", "sql_not_one_statement"),
    ],
)
def test_a_mistake_is_named_without_a_path(table, sql, code):
    with pytest.raises(SqlRefused) as refused:
        ask(sql, table)

    assert refused.value.code == code
    assert "/" not in refused.value.message.replace("//", "")


@pytest.mark.parametrize("name", ["a b", "1a", "data.csv", "__result", "x" * 70, ""])
def test_a_table_is_called_by_a_plain_name(table, name):
    with pytest.raises(SqlRefused, match="cannot be called"):
        ask("SELECT 1", {name: table})


@pytest.fixture(scope="module")
def parser():
    """Return what looks at the tree of a statement, as the process does."""
    with duckdb.connect() as database:

        def look(sql):
            (text,) = database.execute(
                "SELECT json_serialize_sql($1)", [sql]
            ).fetchone()
            statement.validated(json.loads(text), {"data": ["i", "name", "x"]})

        yield look


def in_place(sql, table):
    folder = table.parent
    return sql.format(
        secret=folder / "secret.csv",
        table=table,
        folder=folder,
        target=folder / "target",
    )


@pytest.fixture
def secret(table):
    (table.parent / "secret.csv").write_text("secret\nhidden\n")
    return table


def test_there_are_more_than_150_of_them():
    assert len(set(REFUSED)) > 250
    assert len(set(ENDED)) > 30


@pytest.mark.parametrize("sql", REFUSED[:-4])
def test_the_tree_alone_refuses_what_is_hostile(sql, parser):
    if sql == "SELECT 1 AS a, 2 AS a":
        return  # known by its result
    with pytest.raises(SqlRefused):
        parser(in_place(sql, Path("/srv/t.parquet")))


def run_hostile(sql, table, limits):
    """Return the refusal; check that nothing changed and nothing was told."""
    before = contents(table.parent)
    with pytest.raises(AnalyticsError) as refused:
        ask(in_place(sql, table), table, limits=limits)
    assert contents(table.parent) == before
    assert isinstance(refused.value, SqlRefused | SqlLimit), refused.value
    assert "hidden" not in refused.value.message
    assert str(table.parent) not in refused.value.message
    assert "/etc" not in refused.value.message
    return refused.value


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("sql", SAMPLE)
def test_some_of_the_hostile_are_refused_by_the_process(sql, secret):
    run_hostile(sql, secret, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("sql", REFUSED)
def test_all_of_the_hostile_are_refused_by_the_process(sql, secret):
    assert isinstance(run_hostile(sql, secret, PATIENT), SqlRefused | SqlLimit)


@pytest.mark.slow
@pytest.mark.parametrize("sql", ENDED)
def test_all_bombs_are_ended(sql, secret):
    run_hostile(sql, secret, SHORT)


def test_behind_its_walls_the_process_reaches_its_table_alone(secret, monkeypatch):
    program = Path(__file__).with_name("hostile_program.py")
    monkeypatch.setattr(parent, "PROGRAM", program)
    monkeypatch.setenv("MLOPS_SECRET_KEY", "hidden")

    _, found = page(str(secret.parent), secret)

    assert {name: found.pop(name) for name in ("own table", "memory")} == {
        "own table": "done",
        "memory": "MemoryError",
    }
    assert (found.pop("file size"), found.pop("variables")) == (0, [])
    assert found.pop("user") != 0 or os.getuid() != 0
    assert set(found.values()) == {"PermissionError"}, found


def test_it_does_not_run_where_no_wall_can_be_raised(table, monkeypatch, tmp_path):
    program = tmp_path / "bootstrap.py"
    program.write_text(
        "from mlops.sandbox import isolation\n"
        "isolation.enter = lambda _rules: (isolation.NO_LANDLOCK,)\n"
        f"exec(compile({parent.PROGRAM.read_text()!r}, 'begin', 'exec'))\n"
    )
    monkeypatch.setattr(parent, "PROGRAM", program)

    with pytest.raises(SqlUnavailable):
        ask("SELECT 1", table)


ENDINGS = {
    "raise MemoryError": (SqlLimit, "sql_memory_limit"),
    "import os; os.kill(os.getpid(), 24)": (SqlLimit, "sql_time_limit"),
    "import os; os.kill(os.getpid(), 9)": (SqlUnavailable, "sql_killed"),
    "import os; os.kill(os.getpid(), 11)": (SqlRefused, "sql_crashed"),
    "raise SystemExit(3)": (SqlRefused, "sql_crashed"),
    "": (SqlRefused, "sql_crashed"),
}


@pytest.mark.parametrize("program", ENDINGS)
def test_a_process_without_a_report_is_refused_for_its_own_cause(
    table, monkeypatch, tmp_path, program
):
    path = tmp_path / "bootstrap.py"
    path.write_text(f"import sys\nsys.stdin.buffer.readline()\n{program}\n")
    monkeypatch.setattr(parent, "PROGRAM", path)
    kind, code = ENDINGS[program]

    with pytest.raises(kind) as refused:
        ask("SELECT 1", table)

    assert refused.value.code == code


def test_results_that_are_too_large_are_cut_off_from_outside(table):
    small = StatementLimits(wall_s=120, wait_s=120, file_bytes=10_000)

    with pytest.raises(SqlLimit) as refused:
        ask("SELECT hash(range) AS h FROM range(1000000)", table, Form.PARQUET, small)

    assert refused.value.code == "sql_output_limit"


def test_so_many_run_at_once_and_no_more(data):
    limits = StatementLimits(at_once=2, wait_s=0)

    with slot(data, limits), slot(data, limits), pytest.raises(Busy):
        with slot(data, limits):
            pass
    with slot(data, limits):
        pass


def test_a_time_limit_holds_from_outside(table):
    slow = "SELECT sum(a.i * b.i * c.i * d.i) FROM data a, data b, data c, data d"

    with pytest.raises(SqlLimit) as refused:
        ask(slow, table, limits=StatementLimits(wall_s=5, wait_s=120, cpu_s=1))

    assert refused.value.code == "sql_time_limit"


@pytest.mark.parametrize(
    ("message", "told_as"),
    [
        ("IO Error: no /var/lib/x.parquet here", "IO Error: no … here"),
        ("at '/proc/self/fd/3' s3://b/c", "at '…' …"),
        ("one\n\nLINE 1: SELECT", "one"),
        ("", error_messages.FAILED),
    ],
)
def test_messages_lose_their_paths(message, told_as):
    assert error_messages.without_paths(message) == told_as
