"""What somebody who knows DuckDB would look for first, point by point.

Tests without a file are here; a test of this table looks whether the others exist.

| point | what would be wrong | tests |
|---|---|---|
| 1 | one connection for all threads, or one per request | test_threads_with_cursors_of_their_own_never_get_each_others_rows, test_engine::test_threads_share_the_instance_and_lanes_do_not, test_engine::test_a_fork_makes_an_instance_of_its_own_with_all_its_threads |
| 2 | a timeout that cursors do not inherit | test_engine::test_a_cursor_has_its_own_timeout_and_stays_usable, test_engine::test_all_queries_of_a_cursor_share_one_deadline |
| 3 | a limit of spilled bytes that is shown and not enforced | test_a_query_that_spills_stops_at_the_limit |
| 4 | memory_limit taken for a limit on the process | test_a_reader_of_foreign_files_is_limited_by_the_system, test_hostile_files::test_two_thousand_columns_are_taken |
| 5 | FILTER in generated aggregates | test_generated_sql_has_no_costly_forms |
| 6 | names and paths pasted into SQL; users' names on disk | test_rows::test_hostile_names_are_only_names, test_quality::test_hostile_names_and_values_are_only_data, test_rows::test_a_path_with_a_glob_would_read_other_files, test_uploaded_names_never_reach_the_disk |
| 7 | read-only only because external access is off | test_content_is_not_writable_and_no_condition_is_sql |
| 8 | uploads parsed in the web process | test_whoever_starts_a_conversion_has_no_parser_loaded, ../test_hostile_uploads::test_a_file_made_to_hurt_costs_its_reader_and_not_the_server |
| 9 | corr() for every pair, or n*Sxy - Sx*Sy | test_correlation::test_equals_two_passes_even_at_1e9_with_gaps, test_generated_sql_has_no_costly_forms |
| 10 | NaN a value here, missing there, and invalid in JSON | test_nan_is_missing_everywhere, test_cells::test_nan_and_infinities_become_words_and_are_named, test_profile::test_nan_and_infinities_do_not_become_the_mean, test_correlation::test_nan_and_infinities_count_as_missing |
| 11 | a result left open that owns the connection | test_a_stream_given_up_does_not_own_the_cursor, test_export::test_a_reader_that_stops_early_leaves_no_query_open |
| 12 | SUMMARIZE on every request | test_generated_sql_has_no_costly_forms, ../test_exploration_api::test_a_stored_answer_is_not_computed_and_a_known_one_not_sent |
| 13 | samples believed cheap, and different each time | test_generated_sql_has_no_costly_forms, test_rows::test_a_random_sample_repeats_with_its_seed |
| 14 | exact counts claimed from an estimate | test_profile::test_many_values_are_an_estimate_that_says_so, test_profile::test_few_values_are_counted_exactly_and_listed, test_uniqueness_is_counted_and_not_estimated |
| 15 | one row group, or huge ones | test_row_groups_let_all_cores_read_and_fit_into_memory |
| 16 | database files shared by processes | test_no_database_file_is_ever_made |
| 17 | a query that may load an extension from the network | test_extensions_are_never_fetched, test_engine::test_the_sandbox_refuses |
| 18 | decimals as floats, long integers, nanoseconds, infinite dates | test_cells::test_values_keep_what_they_say, test_profile::test_long_integers_and_decimals_keep_their_digits |
| 19 | count(*) as proof that a file can be read | test_ingest::test_every_rejected_row_has_a_line_and_a_reason |
| 20 | names that differ by case only | test_ingest::test_names_are_made_distinct_and_reported, test_ingest::test_parquet_keeps_types_and_order |
| 21 | DuckDB's messages, with paths, shown to users | test_engine::test_no_error_tells_where_files_are, test_ingest::test_what_is_no_table_is_refused_and_leaves_nothing |
| 22 | heavy passes and samples in one instance | test_a_heavy_pass_leaves_the_short_questions_alone, test_heavy_questions_do_not_queue_up_without_end |
| 23 | OFFSET without a stable order | test_rows::test_pages_follow_the_order_of_the_file, test_rows::test_equal_values_do_not_repeat_on_the_next_page, test_pages_of_a_large_file_are_its_rows_in_order |
| 24 | detours over pandas, and variables as tables | test_no_detour_over_pandas_and_no_variable_as_a_table |
| 25 | figures without version, n and method | test_figures_say_of_what_how_many_and_how |
"""

import queue
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import datasets.analytics
from datasets.analytics import engine, ingest, rows
from datasets.analytics.correlation import correlate
from datasets.analytics.engine import DEFAULT_LANES, Engine, Lane
from datasets.analytics.errors import AnalyticsError, Busy, TooHeavy
from datasets.analytics.filters import Condition
from datasets.analytics.ingest import InputFile
from datasets.analytics.ingest.context import row_group_rows
from datasets.analytics.profile import profile
from datasets.analytics.quality import RuleKind, RuleSpec, evaluate
from datasets.analytics.rows import Window

HERE = Path(__file__).parent
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 1"
COSTLY = re.compile(
    r"\bSUMMARIZE\b|USING SAMPLE|TABLESAMPLE|\bFILTER ?\(|\bcorr\(|\bcovar_|\bregr_"
)


def test_this_table_names_tests_that_exist():
    named = re.findall(r"(?:([\w./]+)::)?(test_\w+)(?=[,\s])", __doc__)

    points = re.findall(r"^\| (\d+) \|", __doc__, re.MULTILINE)
    assert list(map(int, points)) == list(range(1, 26))
    for file, name in named:
        path = HERE / f"{file or 'test_expert_review'}.py"
        assert f"def {name}(" in path.read_text(), f"{path.name}::{name}"


def test_threads_with_cursors_of_their_own_never_get_each_others_rows(data):
    def ask(number):
        with shared.cursor() as cursor:
            return cursor.rows("SELECT $n, sum(range) FROM range(20000)", {"n": number})

    shared = Engine(data, replace(DEFAULT_LANES[Lane.INTERACTIVE], wait_s=60))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(400)))
    shared.close()

    assert answers == [[(number, 199_990_000)] for number in range(400)]


def test_a_query_that_spills_stops_at_the_limit(data):
    limits = DEFAULT_LANES[Lane.HEAVY]
    small = Engine(data, replace(limits, memory_limit="60MB", temp_limit="20MB"))

    with small.cursor() as cursor:
        with pytest.raises(TooHeavy):
            cursor.rows(
                "SELECT max(h) FROM (SELECT hash(range) h, range FROM range(20000000)"
                " ORDER BY h OFFSET 10)",
                {},
            )
        (shown,) = cursor.row("SELECT current_setting('max_temp_directory_size')", {})
    small.close()

    assert shown == "19.0 MiB"


def test_a_reader_of_foreign_files_is_limited_by_the_system(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,b\n" + b"1,2\n" * 3_000_000)
    expected = {
        "Max address space": str(3 << 30),
        "Max cpu time": "1805",  # SIGXCPU, which tells the reason, comes at 1800
        "Max file size": str(64 << 30),
        "Max core file size": "0",
    }
    child = ingest.start([InputFile(upload, "a.csv")], data / "converted")
    hard: dict[str, str] = {}

    # The child takes its limits one after the other.
    deadline = time.monotonic() + 120
    while not expected.items() <= hard.items() and time.monotonic() < deadline:
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        hard = dict(re.findall(r"^(Max [a-z ]+?)  +\S+ +(\S+)", limits, re.MULTILINE))
    child.kill()

    assert {name: hard.get(name) for name in expected} == expected


def test_generated_sql_has_no_costly_forms():
    for path in Path(datasets.analytics.__file__).parent.rglob("*.py"):
        # Words about them stand in docstrings and comments; SQL stands in code.
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
        assert not COSTLY.search(code), path.name


def test_uploaded_names_never_reach_the_disk(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a\n1\n")

    ingest.convert([InputFile(upload, "../[a-z]*?.csv")], data / "converted")

    assert {path.name for path in (data / "converted").iterdir()} == {
        "data.parquet",
        "head.json",
        "profile.json",
        "sample.parquet",
    }


def test_content_is_not_writable_and_no_condition_is_sql(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,s\n1,x\n")
    ingest.convert([InputFile(upload, "a.csv")], data / "converted")
    table = data / "converted" / "data.parquet"
    before = table.read_bytes()
    attack = f"x'; COPY (SELECT 9) TO '{table}' (USE_TMP_FILE false); --"

    found = rows.page(table, Window(), [Condition("s", "eq", attack)])

    assert found.rows == []
    assert {path.stat().st_mode & 0o222 for path in table.parent.iterdir()} == {0}
    assert table.read_bytes() == before


def test_whoever_starts_a_conversion_has_no_parser_loaded():
    parsers = "duckdb", "pandas", "datasets.analytics.ingest.child"
    program = (
        "import sys, datasets.analytics.ingest;"
        f"print([name for name in {parsers} if name in sys.modules])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "[]"


def test_nan_is_missing_everywhere(parquet):
    table = parquet(
        "SELECT CASE WHEN i = 7 THEN 'nan'::DOUBLE WHEN i = 8 THEN 'inf'::DOUBLE"
        " ELSE i END AS x, i * i AS y FROM range(50) t(i)"
    )

    (x, _) = profile(table).columns
    matrix = correlate(table)
    (found,) = evaluate(table, [RuleSpec(RuleKind.NOT_NULL, ("x",))]).results
    shown = rows.page(table, Window()).rows

    assert (x.max, x.nan, x.infinite) == (49.0, 1, 1)
    assert matrix.counts[0, 1] == 48
    assert (shown[7]["x"], shown[8]["x"]) == ("NaN", "Infinity")
    assert found.violations == 1  # an infinity is there, and no number to count with


def test_a_stream_given_up_does_not_own_the_cursor(data):
    with Engine.for_process().cursor() as cursor:
        stream = cursor.batches("SELECT range FROM range(9000000)", {}, batch_rows=10)
        next(stream)
        stream.close()

        assert cursor.row("SELECT 1", {}) == (1,)
        assert cursor.table("SELECT 2 AS n", {}).to_pylist() == [{"n": 2}]


def test_uniqueness_is_counted_and_not_estimated(parquet):
    table = parquet("SELECT i, i // 2 * 2 AS twice FROM range(300000) t(i)")
    rules = [RuleSpec(RuleKind.UNIQUE, (name,)) for name in ("i", "twice")]

    one, two = evaluate(table, rules).results

    assert (one.passed, one.violations) == (True, 0)
    assert (two.passed, two.violations) == (False, 150_000)


def test_row_groups_let_all_cores_read_and_fit_into_memory(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i) for i in range(400_000)))
    ingest.convert([InputFile(upload, "a.csv")], data / "converted")

    found = pq.ParquetFile(data / "converted" / "data.parquet").metadata

    groups = [found.row_group(index) for index in range(found.num_row_groups)]
    assert all(group.num_rows < 30_000 for group in groups)
    assert sum(group.num_rows for group in groups) == 400_000
    assert groups[0].column(0).compression == "ZSTD"
    assert groups[0].column(0).is_stats_set


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (1, 3, 20_480),
        (5_000_000, 30, 20_480),
        (40_000_000, 30, 77_824),
        (2_000_000_000, 3, 122_880),
        (2_000_000_000, 2_000, 6_144),
    ],
)
def test_row_groups_grow_with_the_rows_and_shrink_with_the_columns(
    rows, columns, expected
):
    assert row_group_rows(rows, columns) == expected


def test_no_database_file_is_ever_made(parquet, data):
    profile(parquet("SELECT range AS a FROM range(100)"))

    with Engine.for_process().cursor() as cursor:
        places = cursor.rows("SELECT path FROM duckdb_databases()", {})

    assert {place for (place,) in places} == {None}
    assert {path.suffix for path in data.rglob("*") if path.is_file()} == {".parquet"}


def test_extensions_are_never_fetched(data):
    names = (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "allow_community_extensions",
        "allow_persistent_secrets",
        "enable_external_access",
    )
    with Engine.for_process().cursor() as cursor:
        found = [
            cursor.row(f"SELECT current_setting('{name}')::VARCHAR", {})[0]
            for name in names
        ]

    assert found == ["false"] * len(names)


def test_a_heavy_pass_leaves_the_short_questions_alone(data, parquet):
    table = parquet("SELECT range AS a FROM range(1000)")

    with Engine.for_process(Lane.HEAVY).cursor(timeout_s=60) as heavy:
        stopped = threading.Thread(target=_until_stopped, args=(heavy,))
        stopped.start()
        found = rows.page(table, Window(limit=3))
        heavy.interrupt()
        stopped.join(60)

    assert [row["a"] for row in found.rows] == [0, 1, 2]
    assert not stopped.is_alive()


def _until_stopped(cursor):
    with pytest.raises(AnalyticsError):
        cursor.rows(ENDLESS, {})


def test_heavy_questions_do_not_queue_up_without_end(data):
    """Each one that waits holds a thread of the web server, which has four."""
    heavy, answers = Engine(data, DEFAULT_LANES[Lane.HEAVY]), queue.Queue()

    def ask():
        try:
            with heavy.cursor() as cursor:
                answers.put(cursor.row("SELECT 1", {}))
        except Busy:
            answers.put(Busy)

    with heavy.cursor():
        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        at_once = [answers.get(timeout=30) for _ in range(3)]
    later = [answers.get(timeout=30) for _ in range(2)]
    for thread in threads:
        thread.join()
    heavy.close()

    assert at_once == [Busy] * 3
    assert later == [(1,)] * 2


def test_pages_of_a_large_file_are_its_rows_in_order(parquet):
    table = parquet("SELECT range AS a FROM range(400000)", ROW_GROUP_SIZE=20_480)

    for offset in (0, 20_470, 122_880, 399_990):
        found = rows.page(table, Window(offset=offset, limit=20))
        shown = [row["a"] for row in found.rows]
        assert shown == list(range(offset, min(offset + 20, 400_000)))


def test_no_detour_over_pandas_and_no_variable_as_a_table(data):
    program = (
        "import sys, datasets.analytics.rows, datasets.analytics.profile,"
        " datasets.analytics.correlation, datasets.analytics.drift,"
        " datasets.analytics.quality, datasets.analytics.export;"
        "print('pandas' in sys.modules or 'polars' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    a_variable = pq.ParquetFile

    with Engine.for_process().cursor() as cursor, pytest.raises(AnalyticsError):
        cursor.rows("SELECT * FROM a_variable", {})

    assert ended.stdout.strip() == "False"
    assert a_variable is not None


def test_figures_say_of_what_how_many_and_how(parquet):
    table = parquet("SELECT i AS a, i * i AS b, 'x' AS s FROM range(2000) t(i)")

    matrix, figures = correlate(table), profile(table)

    (pair,) = matrix.pairs()
    assert (matrix.method, matrix.row_count, matrix.exact, pair.n) == (
        "pearson",
        2000,
        True,
        2000,
    )
    assert figures.row_count == 2000
    first = figures.columns[0]
    assert first.distinct.exact is False
    assert (first.quantiles.exact, first.quantiles.rows) == (True, 2000)
    assert engine.settings().data_dir in table.parents
