"""Files made to hurt: a clear answer, and little memory."""

import resource
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics import ingest
from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest import InputFile

OWN_GROWTH_KB = 64 << 10


@pytest.fixture
def hostile(data, tmp_path):
    """Convert a body; return the outcome or refusal. The own process must not grow."""

    def convert(name, write):
        path = tmp_path / "upload"
        write(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            return ingest.convert([InputFile(path, name)], data / "converted")
        except IngestRefused as refusal:
            return refusal
        finally:
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < OWN_GROWTH_KB

    return convert


def one_value_often(path):
    """Write 200 million rows in two kilobytes: a page of one run, repeated."""
    block = pa.table({"x": np.zeros(20_000_000, np.int64)})
    with pq.ParquetWriter(
        path,
        block.schema,
        data_page_size=1 << 30,
        max_rows_per_page=1 << 30,
        write_statistics=False,
    ) as writer:
        for _ in range(10):
            writer.write_table(block, row_group_size=20_000_000)
    assert path.stat().st_size < 10_000


@pytest.mark.slow
def test_a_run_length_bomb_is_refused(hostile):
    found = hostile("bomb.parquet", one_value_often)

    assert found.code == "file_bomb"


@pytest.mark.slow
def test_a_huge_cell_is_refused(hostile):
    def write(path):
        pq.write_table(pa.table({"s": ["x" * (200 << 20)]}), path, compression="zstd")

    assert hostile("cell.parquet", write).code in {"cell_too_large", "too_heavy"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_twenty_thousand_columns_are_refused(hostile, kind):
    def write(path):
        if kind == "parquet":
            pq.write_table(pa.table({f"c{i}": [1] for i in range(20_000)}), path)
        else:
            header = ",".join(f"c{i}" for i in range(20_000))
            path.write_text(f"{header}\n{','.join('1' * 20_000)}\n")

    assert hostile(f"wide.{kind}", write).code == "too_many_columns"


@pytest.mark.slow
def test_two_thousand_columns_are_taken(hostile):
    def write(path):
        header = ",".join(f"c{i}" for i in range(2_000))
        path.write_text(f"{header}\n" + f"{','.join('1' * 2_000)}\n" * 50)

    found = hostile("wide.csv", write)

    assert (found.row_count, len(found.columns)) == (50, 2_000)


@pytest.mark.parametrize("damage", ["length", "rows", "bytes", "cut"])
def test_a_forged_footer_is_refused(hostile, damage):
    def write(path):
        pq.write_table(pa.table({"x": list(range(10_000))}), path)
        body = bytearray(path.read_bytes())
        if damage == "length":
            body[-8:-4] = struct.pack("<I", 2**31)
        elif damage == "rows":
            length = struct.unpack("<I", body[-8:-4])[0]
            footer = bytes(body[-8 - length : -8])
            body[-8 - length : -8] = footer.replace(
                b"\x16\xa0\x9c\x01", b"\x16\xa0\x9d\x01"
            )
        elif damage == "bytes":
            body[100:200] = b"\xff" * 100
        else:
            del body[200:-200]
        path.write_bytes(body)

    assert hostile("forged.parquet", write).code == "invalid_file"


def test_a_gzip_bomb_is_refused_by_counting(hostile):
    import gzip

    def write(path):
        with gzip.open(path, "wb") as file:
            file.write(b"a,b\n")
            for _ in range(100):
                file.write(b"1,2\n" * 250_000)

    assert hostile("bomb.csv.gz", write).code == "file_bomb"


def test_a_line_without_end_is_refused(hostile):
    found = hostile(
        "long.csv", lambda path: path.write_bytes(b"a,b\n1," + b"x" * (30 << 20))
    )

    assert found.code in {"invalid_file", "cell_too_large"}


def test_deep_json_is_refused_or_shown(hostile):
    body = b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"

    found = hostile("deep.jsonl", lambda path: path.write_bytes(body))

    assert found.code == "invalid_file"


def test_offsets_that_point_outside_are_refused(hostile):
    def write(path):
        batch = pa.record_batch({"s": ["ab", "cd"]})
        with pa.ipc.new_file(path, batch.schema) as writer:
            writer.write_batch(batch)
        honest, forged = struct.pack("<3i", 0, 2, 4), struct.pack("<3i", 0, 9**6, 9**7)
        assert honest in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(honest, forged))

    assert hostile("forged.arrow", write).code == "invalid_file"


def test_hostile_column_names_are_only_names(hostile):
    names = ['x"; DROP TABLE y; --', "$(reboot)", "../../etc/passwd", "=cmd|'/c'!A1"]

    def write(path):
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        path.write_text(",".join(quoted) + "\n" + "a,b,c,d\n" * 3)

    assert [column.name for column in hostile("names.csv", write).columns] == names


@pytest.mark.slow
def test_noise_is_refused_or_read_but_never_breaks(hostile):
    rng = np.random.default_rng(11)
    for round_ in range(12):
        body = rng.integers(32 if round_ % 2 else 0, 127, 5_000).astype(np.uint8)

        found = hostile(
            "noise.csv", lambda path, body=body: path.write_bytes(body.tobytes())
        )

        assert hasattr(found, "digest") or found.code in {
            "invalid_file",
            "unsupported_format",
            "no_rows",
        }
