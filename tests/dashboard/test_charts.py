"""Charts: every figure gets its place, and the text that says what it is."""

import pytest

from mlops.dashboard import charts
from mlops.dashboard.series import ChartLine, ChartShare, Series


def series(*values, name="requests"):
    labels = [f"10:0{number}" for number in range(len(values))]
    return Series(labels, [ChartLine(name, values)])


def bottom():
    return charts.HEIGHT - charts.BOTTOM


def test_columns_stand_on_the_axis_and_are_as_high_as_their_value():
    chart = charts.columns("Requests", series(10, 0, 20))

    low, high = chart.marks
    assert low.y + low.height == pytest.approx(bottom())
    assert high.y + high.height == pytest.approx(bottom())
    assert high.height == pytest.approx(2 * low.height, abs=0.1)


def test_stacked_columns_do_not_overlap():
    layers = [ChartLine("answered", [30]), ChartLine("failed", [10], tone="bad")]

    lower, upper = charts.columns("Requests", Series(["10:00"], layers)).marks

    assert upper.y + upper.height == pytest.approx(lower.y, abs=0.02)
    assert (lower.tone, upper.tone) == ("primary", "bad")
    assert upper.title == "10:00: 10 failed"


def test_line_breaks_where_nothing_is_known():
    (path,) = charts.lines("Latency", series(1.0, None, 3.0, 2.0)).paths

    assert path.d.count("M") == 2
    assert path.d.count("L") == 1
    assert len(path.dots) == 3


@pytest.mark.parametrize("draw", [charts.columns, charts.lines])
def test_nothing_but_zeros_is_a_note_and_no_chart(draw):
    chart = draw("Requests", series(0, 0, None), note="No request yet")

    assert chart.is_empty
    assert chart.note == "No request yet"


@pytest.mark.parametrize(
    ("largest", "end"),
    [(1.0, "1"), (7, "8"), (9, "10"), (101, "200"), (0.03, "0.04"), (1, "4")],
)
def test_axis_ends_at_the_next_round_number(largest, end):
    ticks = charts.columns("Requests", series(largest)).ticks

    assert ticks[0].text == "0"
    assert ticks[-1].text == end


def test_labels_are_few_enough_to_be_read():
    chart = charts.columns(
        "Requests", Series([str(n) for n in range(60)], [ChartLine("", range(60))])
    )

    assert 4 <= len(chart.labels) <= charts.MAX_LABELS


def test_rows_are_parts_of_the_largest():
    shares = [
        ChartShare("active", 4),
        ChartShare("failed", 1),
        ChartShare("pending", 0),
    ]

    assert [row.percent for row in charts.rows(shares)] == [100, 25, 0]


def test_rows_of_nothing_are_empty_bars():
    assert [row.percent for row in charts.rows([ChartShare("active", 0)])] == [0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.05, "0.05"), (1234, "1.23k"), (166_260, "166k"), (2e6, "2M")],
)
def test_numbers_are_short(value, text):
    assert charts.short(value) == text
