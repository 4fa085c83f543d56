"""Datasets from storage connections: by the names an admin gave, never a path out."""

import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from django.core.exceptions import ValidationError

from datasets.errors import FolderNotAllowed
from datasets.models import StorageConnection
from tests.datasets.conftest import DATASETS, PRICES, files_below

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path_factory, settings):
    place = tmp_path_factory.mktemp("shared")
    (place / "prices.csv").write_text(PRICES)
    (place / "deep").mkdir()
    (place / "deep" / "more.csv").write_text("a\n1\n")
    (place.parent / "secret.csv").write_text("password\nhunter2\n")
    (place / "link.csv").symlink_to(place.parent / "secret.csv")
    os.mkfifo(place / "pipe.csv")
    settings.STORAGE_FOLDERS = [str(place)]
    StorageConnection.objects.create(name="shared", kind="folder", folder=str(place))
    return place


def test_a_folder_that_the_environment_does_not_name_is_not_read(
    api, data_dir, folder, settings
):
    settings.STORAGE_FOLDERS = [str(folder / "deep")]

    answer = ask(api, "prices.csv")

    assert (answer.status_code, answer.json()["code"]) == (409, "folder_not_allowed")
    assert "MLOPS_STORAGE_FOLDERS" in answer.json()["detail"]


@pytest.mark.parametrize("where", [".", "..", "inside", "link"])
def test_our_own_data_is_never_read_from(api, data_dir, settings, tmp_path, where):
    settings.STORAGE_FOLDERS = ["/"]
    (data_dir / "inside").mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(data_dir)
    place = tmp_path / "link" if where == "link" else data_dir / where
    connection = StorageConnection(name="shared", kind="folder", folder=str(place))
    connection.save()

    answer = ask(api, "secret_key")

    assert (answer.status_code, answer.json()["code"]) == (409, "folder_not_allowed")
    with pytest.raises(ValidationError, match="data of this server"):
        connection.full_clean(exclude=["name"])


def test_a_link_out_of_what_is_allowed_leads_nowhere(api, data_dir, folder, settings):
    (folder / "deep" / "out").symlink_to(folder.parent)
    settings.STORAGE_FOLDERS = [str(folder / "deep")]
    connection = StorageConnection(name="o", folder=str(folder / "deep" / "out"))

    with pytest.raises(FolderNotAllowed):
        connection.root()


def ask(api, path, connection="shared"):
    body = {"name": "from-there", "connection": connection, "path": path}
    return api("data scientist").post(DATASETS, body)


@pytest.mark.parametrize(
    ("path", "rows"), [("prices.csv", 56), ("deep/more.csv", 1), ("deep", 1)]
)
def test_an_object_of_a_folder_becomes_a_dataset(api, data_dir, folder, path, rows):
    answer = ask(api, path)

    assert answer.status_code == 201, answer.json()
    assert answer.json()["row_count"] == rows


@pytest.mark.parametrize(
    "path",
    ["../secret.csv", "/etc/passwd", "link.csv", "pipe.csv", "nope.csv"],
)
def test_nothing_outside_a_folder_and_no_pipe_is_read(api, data_dir, folder, path):
    answer = ask(api, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "object_not_found")
    assert files_below(data_dir / "datasets") == []


def test_an_unknown_connection_is_a_404(api, data_dir):
    answer = ask(api, "x.csv", connection="nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "connection_not_found")


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as reading one object takes: HEAD, GET, ranges, 404."""

    objects: ClassVar = {"/prices/daily/p.csv": PRICES.encode()}
    signed: ClassVar[list[str]] = []

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        self.signed.append(self.headers.get("Authorization", ""))
        content = self.objects.get(self.path.partition("?")[0])
        if content is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked:
            content = content[int(asked[1]) : int(asked[2]) + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("BUCKET_KEY", "not-a-real-one")
    Bucket.signed.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        StorageConnection.objects.create(
            name="bucket",
            kind="s3",
            endpoint=f"http://127.0.0.1:{server.server_port}",
            bucket="prices",
            prefix="daily",
            region="us-east-1",
            access_key="key",
            secret_variable="BUCKET_KEY",
        )
        yield server
        server.shutdown()
        thread.join()


def test_an_object_of_a_bucket_becomes_a_dataset(api, data_dir, bucket):
    missing = ask(api, "q.csv", connection="bucket")
    found = ask(api, "p.csv", connection="bucket")

    assert (found.status_code, found.json().get("row_count")) == (201, 56)
    assert missing.status_code == 404
    assert Bucket.signed
    assert all("Credential=key/" in header for header in Bucket.signed)
