"""Tables of many columns: the same answers as of few, at the cost of reading them."""

import resource
from pathlib import Path

from datasets.analytics import ingest
from datasets.analytics.profile import profile
from tests.datasets.analytics.reading import read

CELLS = {
    "whole": ["5", "NA", "12", "-3"],
    "fraction": ["0.5", "-1.25", "1e3", "0.1234567890123456"],
    "day": ["2024-01-05", "2024-02-29", "-", "1999-12-31"],
    "truth": ["true", "False", "TRUE", "false"],
    "code": ["007", "x", "NA", "+5"],
    "stamp": ["2024-01-05T10:00:00", "2024-01-05 10:00:00", "", "2024-01-06 01:02"],
    "exact": ["12345678901234567890.5", "1.5", "2.25", "3"],
    "late": ["1", "2", "3", "four"],
}


def wide(copies, *, extra=""):
    names = [f"{kind}_{i}" for i in range(copies) for kind in CELLS]
    rows = [
        ",".join(cells[row] for _ in range(copies) for cells in CELLS.values())
        for row in range(4)
    ]
    return "\n".join([",".join(names) + extra, *(row + extra for row in rows), ""])


def test_a_wide_table_is_read_as_a_narrow_one_of_the_same_columns(tmp_path):
    narrow, many = read(tmp_path, wide(1)), read(tmp_path, wide(20))

    assert list(many.types.values()) == list(narrow.types.values()) * 20
    assert many.rows == [row * 20 for row in narrow.rows]


def test_null_words_of_a_wide_table_are_counted_by_column(tmp_path):
    table = read(tmp_path, wide(20))

    counts = {row["column"]: row["count"] for row in table.cells["missing_words"]}
    assert counts == {f"{kind}_{i}": 1 for kind in ("whole", "day") for i in range(20)}


def test_cells_that_make_columns_of_a_wide_table_text_are_named_by_column(tmp_path):
    narrow, many = read(tmp_path, wide(1)), read(tmp_path, wide(20))

    once, often = narrow.cells["kept_as_text"], many.cells["kept_as_text"]
    assert {row["column"] for row in often} == {
        f"{kind}_{i}" for kind in ("code", "late") for i in range(20)
    }
    for row in often:
        name = f"{row['column'].partition('_')[0]}_0"
        (same,) = [one for one in once if one["column"] == name]
        for part in ("looks_like", "count", "rows"):
            assert row[part] == same[part]


def test_the_order_of_day_and_month_is_settled_by_column_in_a_wide_table(tmp_path):
    names = ",".join(f"c{i}" for i in range(100))
    open_, last = ["01/02/2024"] * 100, ["03/04/2024"] * 100
    last[10], last[20] = "13/02/2024", "02/13/2024"
    lines = [",".join(open_)] * 1_000 + [",".join(last)]

    table = read(tmp_path, "\n".join([names, *lines, ""]))

    dates = [name for name, kind in table.types.items() if kind == "DATE"]
    assert dates == ["c10", "c20"]
    assert table.rows[0][9:12] == ("01/02/2024", "2024-02-01", "01/02/2024")
    assert (table.rows[0][20], table.rows[-1][20]) == ("2024-01-02", "2024-02-13")
    doubtful = [note for note in table.report["notes"] if "it could be" in note]
    assert len(doubtful) == 98


def test_chosen_types_of_a_wide_table_list_what_they_could_not_hold(tmp_path):
    types = {f"late_{i}": "BIGINT" for i in range(20)}

    table = read(tmp_path, wide(20), types=types)

    found = {row["column"]: row for row in table.cells["made_missing"]}
    assert found.keys() == types.keys()
    assert found["late_7"]["count"] == 1
    assert found["late_7"]["rows"] == [{"row": 3, "text": "four"}]


def test_quoted_texts_of_a_wide_table_stay_apart_from_missing_ones(tmp_path):
    names = ",".join(f"c{i}" for i in range(100))
    body = f"{names}\n" + ",".join(['""', "x"] * 50) + "\n" + "," * 99 + "\n"

    table = read(tmp_path, body)

    assert table.rows == [("", "x") * 50, (None,) * 100]


def test_a_misfit_of_any_row_widens_its_own_column_of_a_wide_table(tmp_path):
    names = ",".join(f"c{i}" for i in range(100))
    usual, odd = ["5"] * 100, ["5"] * 100
    odd[40], odd[70] = "1.5", "x"
    lines = [",".join(usual)] * 5_000 + [",".join(odd)]

    table = read(tmp_path, "\n".join([names, *lines, ""]))

    assert {name: kind for name, kind in table.types.items() if kind != "BIGINT"} == {
        "c40": "DOUBLE",
        "c70": "VARCHAR",
    }
    assert table.rows[-1][38:42] == ("5", "5", "1.5", "5")


def test_statistics_of_a_wide_table_are_those_of_its_columns(parquet):
    kinds = {
        "n": "CASE WHEN i % 7 > 0 THEN i * 0.5 END",
        "d": "(i * 0.5)::DECIMAL(9,2)",
        "w": "i % 5",
        "t": "'t' || (i % 3)",
        "b": "i % 2 = 0",
        "s": "TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR",
        "f": "CASE i WHEN 0 THEN 'nan'::DOUBLE WHEN 1 THEN 'inf'::DOUBLE ELSE i END",
    }
    select = ", ".join(
        f"{sql} AS {name}{copy}" for copy in range(12) for name, sql in kinds.items()
    )
    table = parquet(f"SELECT {select} FROM range(1500) t(i)")

    folded = profile(table)
    single = profile(table, [f"{name}3" for name in kinds])

    by_name = {column.name: column for column in folded.columns}
    assert len(by_name) == 84
    assert [by_name[column.name] for column in single.columns] == list(single.columns)


def test_fifty_rows_of_two_thousand_columns_cost_some_seconds(tmp_path):
    upload = tmp_path / "wide.csv"
    lines = [",".join(f"x{i}" for i in range(2_000))]
    lines += [
        ",".join(f"{r * i % 997}.{i:03d}" for i in range(2_000)) for r in range(50)
    ]
    upload.write_text("\n".join([*lines, ""]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    found = ingest.convert(
        [ingest.InputFile(Path(upload), "wide.csv")], tmp_path / "out"
    )

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (found.row_count, len(found.columns)) == (50, 2_000)
    assert after.ru_utime - before.ru_utime < 10


def test_a_line_end_behind_a_quoted_number_is_kept(tmp_path):
    table = read(tmp_path, 'v,w\n"1.5\n",2\n2.5,3\n')

    assert table.types == {"v": "VARCHAR", "w": "BIGINT"}
    assert table.column(0) == ["1.5\n", "2.5"]
