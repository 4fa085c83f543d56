"""Readers fetch parts of a version by URL with a token: bytes counted at the server."""

import io
import json
import subprocess
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.wsgi import get_wsgi_application
from django.db import connections

from bench.foreign import NoPackageIndex, python_of
from datasets.models import Dataset
from mlops.core.models import ApiToken
from tests.datasets.conftest import DATASETS, allow_slow_conversion

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, COLUMNS = 60_000, 20
WANTED = ["c3", "c11", "t19"]
SCRIPT = Path(__file__).with_name("reading_by_url.py")
READERS = ("polars", "duckdb", "fsspec", "aiohttp", "pyarrow")


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False


class Handler(WSGIRequestHandler):
    def log_message(self, *_args):
        """Say nothing."""


class Counted:
    """The application, which counts the bytes of its answers."""

    def __init__(self):
        self._application = get_wsgi_application()
        self.sent, self.statuses = 0, []

    def __call__(self, environ, start_response):
        def start(status, headers, *rest):
            self.statuses.append(int(status.split()[0]))
            return start_response(status, headers, *rest)

        answer = self._application(environ, start)
        try:
            for chunk in answer:
                self.sent += len(chunk)
                yield chunk
        finally:
            answer.close()
            connections.close_all()


@pytest.fixture
def served(data_dir):
    """Yield the address of a server and what it counts."""
    counted = Counted()
    with make_server("127.0.0.1", 0, counted, Server, Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", counted
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def wide(api, data_dir, monkeypatch):
    """Make a version of 20 columns of noise; return its size and its columns."""
    allow_slow_conversion(monkeypatch)
    table = pa.table(
        {
            f"{'t' if place == COLUMNS - 1 else 'c'}{place}": [
                hash((place, row)) % 1_000_003 for row in range(ROWS)
            ]
            for place in range(COLUMNS)
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    file = SimpleUploadedFile("wide.parquet", out.getvalue())
    body = {"name": "wide", "file": file}
    assert api("admin").post(DATASETS, body, format="multipart").status_code == 201
    return Dataset.objects.get(name="wide").current_version.size_bytes, table


@pytest.fixture
def token(person):
    return ApiToken.issue(person("viewer"), "reader")[1]


class RangeFile(io.RawIOBase):
    """A file behind a URL, of which parts are fetched."""

    def __init__(self, client, url):
        self._client, self._url, self._place = client, url, 0
        head = client.head(url)
        self._size = int(head.headers["Content-Length"])
        assert head.headers["Accept-Ranges"] == "bytes"

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}
        self._place = begin[whence] + offset
        return self._place

    def readinto(self, target):
        last = min(self._place + len(target), self._size) - 1
        if last < self._place:
            return 0
        answer = self._client.get(
            self._url, headers={"Range": f"bytes={self._place}-{last}"}
        )
        assert answer.status_code == 206
        target[: len(answer.content)] = answer.content
        self._place += len(answer.content)
        return len(answer.content)


def address_of(url):
    return f"{url}{DATASETS}/wide/export?format=parquet&version=1"


def test_pyarrow_fetches_three_columns_of_twenty(served, wide, token):
    url, counted = served
    size, table = wide

    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        file = pa.PythonFile(RangeFile(client, address_of(url)), mode="r")
        found = pq.read_table(file, columns=WANTED)

    assert found.to_pydict() == table.select(WANTED).to_pydict()
    assert set(counted.statuses) == {200, 206}
    assert 0 < counted.sent < size / 3


def test_without_a_token_not_a_byte_of_it_is_sent(served, wide):
    url, counted = served

    refused = httpx.get(address_of(url))

    assert (refused.status_code, counted.sent < 1_000) == (401, True)


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["duckdb", "polars", "pyarrow"])
def test_readers_that_are_not_ours_fetch_three_columns(served, wide, token, reader):
    """Of duckdb its own HTTP where the extension is there, else that of fsspec."""
    try:
        python = python_of("readers", *READERS)
    except NoPackageIndex:
        pytest.skip("no package index answers")
    url, counted = served
    size, table = wide

    done = subprocess.run(
        [python, SCRIPT, reader, address_of(url), token, *WANTED],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found == {name: sum(table[name].to_pylist()) for name in WANTED}
    assert 0 < counted.sent < size / 3, (counted.sent, size)
