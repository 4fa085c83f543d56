"""ZIP archives: many files as one table, and folders `key=value` as columns."""

import io
import stat
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read
from tests.datasets.analytics.workbooks import cells, simple, zipped


def parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def arrow(**columns):
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def of_format(kind, number):
    return {
        "csv": f"a\n{number}\n",
        "jsonl": f'{{"a": {number}}}\n',
        "parquet": parquet(a=[number]),
        "arrow": arrow(a=[number]),
        "xlsx": simple(cells("a"), cells(number)),
    }[kind]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow", "xlsx"])
def test_folders_are_typed_columns_in_every_format(tmp_path, kind):
    body = zipped(
        {
            f"sales/day=2024-01-31/shop=a%2Fb/n=1/1.{kind}": of_format(kind, 1),
            f"sales/day=2024-02-01/shop=x/n=1.5/2.{kind}": of_format(kind, 2),
            f"sales/day=2024-02-01/shop=x/n=__HIVE_DEFAULT_PARTITION__/3.{kind}": (
                of_format(kind, 3)
            ),
        }
    )

    table = read(tmp_path, body, name="a.zip")

    assert table.types == {
        "a": "BIGINT",
        "day": "DATE",
        "shop": "VARCHAR",
        "n": "DOUBLE",
    }
    names = list(table.types)
    rows = [
        {n: row[names.index(n)] for n in ("a", "day", "shop", "n")}
        for row in table.rows
    ]
    assert sorted(tuple(row.values()) for row in rows[:2]) == [
        ("1", "2024-01-31", "a/b", "1.0"),
        ("2", "2024-02-01", "x", "1.5"),
    ]
    assert rows[2]["n"] is None
    assert table.report["files"][0]["file"].endswith(f"n=1/1.{kind}")


def test_files_of_an_archive_obey_the_rules_of_several_files(tmp_path):
    body = zipped({"1.csv": "a,b\n1,x\n", "2.csv": "b;a\ny;01\n", "3.csv": "a\n5\n"})

    with pytest.raises(
        IngestRefused, match=r"'3\.csv' has other columns than '1\.csv'"
    ):
        read(tmp_path, body, name="a.zip")
    table = read(tmp_path, body, name="a.zip", union_by_name=True)

    assert table.types == {"a": "VARCHAR", "b": "VARCHAR"}
    assert table.rows == [("1", "x"), ("01", "y"), ("5", None)]


def test_leading_zeros_of_a_folder_stay_unless_a_person_says_otherwise(tmp_path):
    body = zipped({"m=01/a.csv": "a\n1\n", "m=12/a.csv": "a\n2\n"})

    assert read(tmp_path, body, name="a.zip").rows == [("1", "01"), ("2", "12")]
    typed = read(tmp_path, body, name="a.zip", types={"m": "BIGINT"})
    assert typed.rows == [("1", "1"), ("2", "12")]


def test_a_file_outside_of_the_folders_is_named_or_has_nothing_there(tmp_path):
    body = zipped({"y=1/a.csv": "a\n1\n", "z.csv": "a\n2\n"})

    with pytest.raises(IngestRefused, match=r"'z\.csv' is in no folder 'y=…'"):
        read(tmp_path, body, name="a.zip")
    table = read(tmp_path, body, name="a.zip", union_by_name=True)

    assert table.rows == [("1", "1"), ("2", None)]


def test_a_folder_of_the_name_of_a_column_is_a_column_of_its_own(tmp_path):
    table = read(tmp_path, zipped({"a=7/x.csv": "a\n1\n"}), name="a.zip")

    assert table.rows == [("1", "7")]
    assert table.report["renamed"] == [{"name": "a_2", "original_name": "a"}]


def test_what_programs_put_beside_a_table_is_left_out_and_said(tmp_path):
    body = zipped({"a.csv": "a\n1\n", "__MACOSX/._a.csv": "x", "_SUCCESS": ""})

    (note,) = read(tmp_path, body, name="a.zip").report["notes"]

    assert note.startswith("2 files of the archive were left out")


def linked():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("link.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def locked():
    body = bytearray(zipped({"a.csv": "a\n1\n"}))
    # The flag of a password, in the entry and in the directory.
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (zipped({"../a.csv": "a\n1\n"}), "leads out"),
        (zipped({"/etc/a.csv": "a\n1\n"}), "leads out"),
        (zipped({"x/../../a.csv": "a\n1\n"}), "leads out"),
        (zipped({"c:/a.csv": "a\n1\n"}), "leads out"),
        (linked(), "holds a link"),
        (locked(), "password"),
        (zipped({}), "no files"),
        (zipped({"_only": ""}), "no files"),
        (zipped({"a.zip": zipped({"a.csv": "a\n1\n"})}), "archive in an archive"),
        (zipped({"a.csv": "a\n1\n", "b.parquet": parquet(a=[1])}), "different formats"),
        (zipped({"a.csv": "a\n1\n"})[:-20], "damaged"),
        (zipped({f"{i}.csv": "a\n1\n" for i in range(1001)}), "more than 1000"),
        (
            zipped({"b=0/a%20b=1/a b=1/x.csv": "v\n1\n"}),
            "'b=0/a%20b=1/a b=1/x.csv' is in two folders 'a b=…'",
        ),
    ],
    # Archives hold the time at which they were made; names of tests may not.
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_what_is_wrong_with_an_archive_is_said(tmp_path, body, words):
    with pytest.raises(IngestRefused, match=words):
        read(tmp_path, body, name="a.zip")


def test_a_bomb_in_an_archive_is_refused(tmp_path):
    with pytest.raises(IngestRefused) as told:
        read(tmp_path, zipped({"a.csv": "1\n" * 20_000_000}), name="a.zip")

    assert told.value.code == "file_bomb"
