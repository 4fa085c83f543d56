"""The engine: one instance per process and lane, a cursor per question, a lock."""

import os
import threading
from dataclasses import replace

import duckdb
import pytest

from datasets.analytics import engine
from datasets.analytics.database import TEMP_FOLDER
from datasets.analytics.engine import DEFAULT_LANES, Engine, Lane
from datasets.analytics.errors import (
    AnalyticsError,
    Busy,
    QueryFailed,
    QueryTimeout,
    SourceMissing,
    TooHeavy,
)
from tests.deployments.targets.waiting import until

ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 1"


def test_threads_share_the_instance_and_lanes_do_not(data):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(Engine.for_process()))
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in found}) == 1
    assert Engine.for_process(Lane.HEAVY) is not found[0]


def test_a_fork_makes_an_instance_of_its_own_with_all_its_threads(data):
    parent = Engine.for_process()
    reader, writer = os.pipe()

    pid = os.fork()
    if pid == 0:
        mine = Engine.for_process()
        with mine.cursor() as cursor:
            threads = cursor.row("SELECT current_setting('threads')", {})[0]
        os.write(writer, f"{mine is parent} {threads}".encode())
        os._exit(0)
    os.waitpid(pid, 0)

    assert os.read(reader, 100).decode() == "False 2"


def test_a_cursor_has_its_own_timeout_and_stays_usable(data):
    with Engine.for_process().cursor(timeout_s=0.2) as cursor:
        with pytest.raises(QueryTimeout):
            cursor.rows(ENDLESS, {})

    with Engine.for_process().cursor() as cursor:
        assert cursor.row("SELECT 1", {}) == (1,)


def test_all_queries_of_a_cursor_share_one_deadline(data):
    with Engine.for_process().cursor(timeout_s=60) as cursor:
        cursor.row("SELECT 1", {})
        cursor._deadline -= 60  # as if a minute had passed
        with pytest.raises(QueryTimeout):
            cursor.row("SELECT 1", {})


def test_another_thread_interrupts_a_query(data):
    with Engine.for_process().cursor(timeout_s=60) as cursor:
        timer = threading.Timer(0.2, cursor.interrupt)
        timer.start()
        with pytest.raises(QueryTimeout):
            cursor.rows(ENDLESS, {})
        timer.join()


def test_a_question_too_many_is_told_to_come_back(data):
    limits = replace(DEFAULT_LANES[Lane.INTERACTIVE], concurrent=1, wait_s=0.05)
    small = Engine(data, limits)

    with small.cursor(), pytest.raises(Busy), small.cursor():
        pass

    with small.cursor() as cursor:
        assert cursor.row("SELECT 1", {}) == (1,)
    small.close()


def test_too_much_memory_is_too_heavy(data):
    tiny = Engine(
        data,
        replace(DEFAULT_LANES[Lane.INTERACTIVE], memory_limit="20MB", temp_limit="1MB"),
    )
    with tiny.cursor() as cursor, pytest.raises(TooHeavy):
        cursor.rows("SELECT list(range) FROM range(50000000)", {})
    tiny.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/proc/self/environ')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/analytics_leak.csv'",
        "ATTACH '/tmp/analytics_leak.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access=true",
        "SET memory_limit='100GB'",
        "RESET max_temp_directory_size",
        "SET lock_configuration=false",
        "SELECT getenv('HOME')",
    ],
)
def test_the_sandbox_refuses(data, statement):
    with Engine.for_process().cursor() as cursor, pytest.raises(AnalyticsError):
        cursor.rows(statement, {})


def test_a_link_out_of_the_data_folder_is_not_followed(data, tmp_path):
    outside = tmp_path / "outside.parquet"
    duckdb.sql("SELECT 1 AS secret").write_parquet(str(outside))
    link = data / "inside.parquet"
    link.symlink_to(outside)

    with Engine.for_process().cursor() as cursor, pytest.raises(AnalyticsError):
        cursor.rows("SELECT * FROM read_parquet($source)", {"source": [str(link)]})


def test_no_error_tells_where_files_are(data):
    path = data / "broken.parquet"
    path.write_bytes(b"PAR1 this is no parquet PAR1")

    with Engine.for_process().cursor() as cursor:
        with pytest.raises(AnalyticsError) as refused:
            cursor.rows("SELECT * FROM read_parquet($source)", {"source": [str(path)]})

    assert str(data) not in f"{refused.value} {refused.value.extra}"
    assert refused.value.__suppress_context__


def test_a_missing_file_and_a_wrong_query_are_our_errors(data):
    with Engine.for_process().cursor() as cursor:
        with pytest.raises(SourceMissing):
            cursor.rows(
                "SELECT * FROM read_parquet($source)",
                {"source": [str(data / "none.parquet")]},
            )
        with pytest.raises(QueryFailed) as failed:
            cursor.rows("SELECT nonsense", {})
    assert failed.value.extra == {"error_type": "BinderException"}


def test_asking_before_configuring_is_a_programming_error(data):
    engine.restore(None)

    with pytest.raises(RuntimeError, match="configure"):
        Engine.for_process()


def test_what_a_killed_process_spilled_is_removed(data):
    left = data / TEMP_FOLDER / "999999999"
    left.mkdir(parents=True)

    with Engine.for_process().cursor():
        assert not left.exists()


# When nobody asks ---------------------------------------------------------------------


@pytest.fixture
def quick_rest(monkeypatch):
    monkeypatch.setattr(engine, "REST_S", 0.2)


def is_resting():
    return not engine._ProcessState.will_rest


def test_who_is_not_asked_rests_and_answers_again(data, quick_rest):
    shared = Engine.for_process()
    with shared.cursor() as cursor:
        cursor.rows("SELECT 1", {})

    until(is_resting)
    closed = shared._database._opened is None
    with Engine.for_process().cursor() as cursor:
        answer = cursor.rows("SELECT 2", {})

    assert (closed, answer) == (True, [(2,)])
    assert Engine.for_process() is shared
    assert not is_resting()


def test_a_question_under_way_is_not_disturbed(data):
    shared = Engine.for_process()
    with shared.cursor() as cursor:
        rested = shared.rest()
        answer = cursor.rows("SELECT 3", {})

    assert (rested, answer, shared.rest()) == (False, [(3,)], True)
