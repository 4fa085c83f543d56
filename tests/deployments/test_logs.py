"""The log files: capped, cleaned, filtered by time."""

import datetime as dt
import logging

import pytest

from deployments.serving import logs
from mlops.logs import JsonFormatter, moment


@pytest.fixture
def path(tmp_path):
    return tmp_path / "one.log"


def test_the_newest_lines_come_last(path):
    for number in range(5):
        logs.append(path, f"line {number}")

    assert [line.text[-6:] for line in logs.tail_of(path, 2)] == ["line 3", "line 4"]


def test_since_leaves_out_what_is_older(path):
    path.write_text(
        "2026-01-01T00:00:00.000Z INFO old\n2026-01-02T00:00:00.000Z INFO new\nnative\n"
    )

    found = logs.tail_of(path, 10, dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))

    assert [line.text for line in found] == [
        "2026-01-02T00:00:00.000Z INFO new",
        "native",
    ]


def test_control_characters_and_broken_text_are_taken_out(path):
    path.write_bytes(b"\x1b[31mred\x00 \xff\n")

    assert [line.text for line in logs.tail_of(path, 1)] == ["[31mred \ufffd"]


def test_a_long_line_is_cut(path):
    path.write_text("x" * 10_000)

    assert len(logs.tail_of(path, 1)[0].text) == logs.MAX_LINE


def test_a_full_file_is_emptied_and_kept_once(path):
    logs.append(path, "first")
    path.write_bytes(path.read_bytes() + b"x" * logs.MAX_BYTES + b"\n")

    logs.cap(path)
    logs.append(path, "after")

    assert path.stat().st_size < 100
    assert path.with_suffix(".log.1").stat().st_size <= logs.MAX_COPY_BYTES
    assert logs.tail_of(path, 1)[0].text.endswith("after")


def test_no_file_is_no_lines(path):
    assert logs.tail_of(path, 5) == []
    assert logs.read_on(path, logs.end_of(path)) == []


def read_on(path, position):
    """Return the texts behind a position, without times, and the new position."""
    found = logs.read_on(path, position)
    texts = [line.text.rpartition("INFO ")[2] for line, _ in found]
    return texts, found[-1][1] if found else position


def test_a_reader_goes_on_behind_any_line_that_it_has_seen(path):
    logs.append(path, "before")
    start = logs.end_of(path)
    for number in range(3):
        logs.append(path, f"line {number}")

    (_, behind_first), *_ = logs.read_on(path, start)

    assert read_on(path, start)[0] == ["line 0", "line 1", "line 2"]
    assert read_on(path, behind_first)[0] == ["line 1", "line 2"]


def test_equal_lines_and_lines_without_a_time_are_read_once_each(path):
    start = logs.end_of(path)
    with path.open("a") as file:
        file.write("native\nnative\nhalf a li")
    first, position = read_on(path, start)
    with path.open("a") as file:
        file.write("ne\nnative\n")
    second, position = read_on(path, position)

    assert first == ["native", "native"]
    assert second == ["half a line", "native"]
    assert read_on(path, position)[0] == []


def test_nothing_is_missed_or_repeated_when_the_file_is_emptied(path):
    path.write_bytes(b"x" * logs.MAX_BYTES + b"\n")
    position = logs.end_of(path)
    logs.append(path, "last")
    logs.cap(path)
    logs.append(path, "first")

    texts, position = read_on(path, position)

    assert texts == ["last", "first"]
    assert read_on(path, position)[0] == []
    logs.append(path, "next")
    assert read_on(path, position)[0] == ["next"]


def test_json_lines_read_as_the_others_do(path, monkeypatch):
    monkeypatch.setenv("MLOPS_LOG_FORMAT", "json")
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "no %s", ("way",), None)
    path.write_text(f"{JsonFormatter().format(record)}\n" + '{"time": "of its own"}\n')

    logs.append(path, "ours")

    first, native, last = logs.tail_of(path, 10)
    assert first.text == f"{moment(record)} WARNING no way"
    assert first.at is not None
    assert native.text == '{"time": "of its own"}'
    assert last.text.endswith("Z INFO ours")
