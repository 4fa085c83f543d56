"""Files made to hurt, sent to the API: the reader pays, the server does not.

The file limits of `datasets/analytics/ingest/model.py` are told as answers, and each
file leaves nothing behind. What the server's own process takes is read from the
system, apart from the child that reads the file.
"""

import contextlib
import csv
import io
import struct
import threading
import uuid
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.models import Dataset
from tests.datasets.analytics.test_hostile_files import one_value_often
from tests.datasets.conftest import DATASETS, files_below
from tests.demo.live import LiveStack

SERVER_GROWTH = 64 << 20
CHILD_MOST = 1 << 30
HURTFUL_NAMES = [
    'x"; DROP TABLE y; --',
    "$(reboot)",
    "../../etc/passwd",
    "=1+1",
    "\u202ex",
]


@pytest.mark.django_db
def test_hostile_names_of_columns_are_only_names(upload, api):
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in HURTFUL_NAMES)
    text = f"{quoted}\n1,2,3,4,5\n6,7,8,9,10\n"

    made = upload(text=text).json()
    names = [
        c["name"] for c in api().get(f"{DATASETS}/prices/schema").json()["columns"]
    ]
    condition = {"column": names[0], "operator": "gt", "value": 1}
    found = api().post(f"{DATASETS}/prices/filter", {"conditions": [condition]}).json()
    sent = b"".join(api().get(f"{DATASETS}/prices/export", {"format": "csv"}))
    header = next(csv.reader(io.StringIO(sent.decode())))

    assert (made["state"], made["row_count"]) == ("ready", 2)
    assert names == [*HURTFUL_NAMES[:4], "x"]
    assert [row[names[0]] for row in found["rows"]] == [6]
    assert header[3] == "'=1+1"


@pytest.mark.django_db
def test_lines_in_another_encoding_are_reported_and_the_others_kept(upload, api):
    lines = [f"{i},값\n".encode() for i in range(1000)]
    lines[500] = "500,값\n".encode("cp949")

    made = upload(text=b"i,s\n" + b"".join(lines))
    report = api().get(f"{DATASETS}/prices/versions/1").json()["report"]

    assert (made.status_code, made.json()["row_count"]) == (201, 999)
    assert report["rejected"]["count"] == 1
    assert report["rejected"]["rows"][0]["line"] == 502


@pytest.mark.django_db
def test_mostly_ragged_lines_are_refused_with_the_first_of_them(upload, data_dir):
    answer = upload(text="a,b,c\n" + "1,2,3\n" * 200 + "1,2\n" * 100)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file")
    assert "line 202: too few cells" in answer.json()["detail"]
    assert files_below(data_dir / "datasets") == []


@pytest.mark.django_db
@pytest.mark.parametrize("forged", ["length", "rows"])
def test_a_forged_footer_is_refused(upload, data_dir, forged):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": list(range(10_000))}), sink)
    body = bytearray(sink.getvalue().to_pybytes())
    if forged == "length":
        body[-8:-4] = struct.pack("<I", 2**31)
    else:
        count, other = b"\x16\xa0\x9c\x01", b"\x16\xa0\x9d\x01"
        body = body[:-2000] + body[-2000:].replace(count, other)

    answer = upload(text=bytes(body), file_name="forged.parquet")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file")
    assert not Dataset.objects.exists()
    assert files_below(data_dir / "datasets") == []


# What needs the real web server, to see what its process takes -----------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    stack = LiveStack(tmp_path_factory.mktemp("live"), "--no-demo")
    stack.start()
    yield stack
    stack.stop()


def send(stack, name, body):
    """POST a file as a form does."""
    return httpx.post(
        f"{stack.url}{DATASETS}",
        data={"name": f"{name} {uuid.uuid4()}"},
        files={"file": (name, body)},
        headers={"Authorization": f"Bearer {stack.tokens['scientist']}"},
        timeout=300,
    )


class Watch:
    """Looks at the web server's memory, its children's, and at what others see."""

    def __init__(self, stack):
        self.stack, self.child, self.lists = stack, 0, []
        family = psutil.Process(stack.process.pid).children(recursive=True)
        self._web = [p for p in family if "mlops.wsgi:application" in p.cmdline()]
        self.before = self.server = sum(p.memory_info().rss for p in self._web)
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=target) for target in (self._look, self._ask)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    @property
    def grown(self):
        return self.server - self.before

    def _look(self):
        while not self._done.wait(0.005):
            server = sum(process.memory_info().rss for process in self._web)
            self.server = max(self.server, server)
            self.child = max(self.child, sum(map(reader_bytes, self._web)))

    def _ask(self):
        key = {"Authorization": f"Bearer {self.stack.tokens['approver']}"}
        while not self._done.wait(0.05):
            answer = httpx.get(f"{self.stack.url}{DATASETS}", headers=key, timeout=60)
            self.lists.append(answer.status_code)


def reader_bytes(process):
    """What the children of a process take that are reading files."""
    taken = 0
    for child in process.children():
        # Before its exec a child still looks like the server.
        with contextlib.suppress(psutil.NoSuchProcess):
            if "datasets.analytics.ingest.child" in child.cmdline():
                taken += child.memory_info().rss
    return taken


def many_columns(path):
    pq.write_table(pa.table({f"c{i}": [1] for i in range(20_000)}), path)


def huge_cell(path):
    pq.write_table(pa.table({"s": ["x" * (200 << 20)]}), path, compression="zstd")


def packed_zeros(path):
    path.write_bytes(pa.compress(b"1,2\n" * 100_000_000, codec="zstd", asbytes=True))


def endless_line(path):
    path.write_bytes(b"a,b\n1," + b"x" * (6 << 20))


def kept_files(live):
    """Return the files of versions, and of their uploads, that the server has."""
    found = files_below(Path(live.folder) / "datasets")
    return [path for path in found if not path.startswith("duckdb_tmp/")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "codes"),
    [
        ("bomb.parquet", one_value_often, {"file_bomb"}),
        ("cell.parquet", huge_cell, {"cell_too_large", "too_heavy"}),
        ("wide.parquet", many_columns, {"too_many_columns"}),
        ("bomb.csv.zst", packed_zeros, {"file_bomb"}),
        ("line.csv", endless_line, {"invalid_file", "cell_too_large"}),
    ],
)
def test_a_file_made_to_hurt_costs_its_reader_and_not_the_server(
    live, tmp_path, name, write, codes
):
    write(tmp_path / "file")
    body = (tmp_path / "file").read_bytes()
    warm = send(live, "warm.csv", f"a,b\n1,{uuid.uuid4().hex}\n")
    assert warm.is_success, warm.text
    before = kept_files(live)

    with Watch(live) as watch:
        answer = send(live, name, body)

    assert answer.status_code in {413, 422}, answer.text
    assert answer.json()["code"] in codes
    assert watch.grown <= SERVER_GROWTH
    assert 0 < watch.child <= CHILD_MOST
    assert set(watch.lists) == {200}
    assert kept_files(live) == before
