"""Each recorded store imported, exported, and opened by the newest `mlflow server`."""

import hashlib
import json
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from bench.foreign import NoPackageIndex
from bench.mlflow.client import NEWEST, python_with
from tests.lifecycle.exporting.opening import opened
from tests.lifecycle.exporting.test_export import export
from tests.lifecycle.importing.history import (
    NAMES,
    Door,
    assert_same,
    bring_in,
    numbers,
    unpacked,
)
from tests.lifecycle.mlflow.conftest import Answer

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


class RealServer:
    """Asks MLflow's own server, as `MlflowClient` of the tests asks ours."""

    def __init__(self, url, files):
        self.url, self.files = url, files

    def ok(self, route, **fields):
        body = json.dumps(fields).encode()
        asked = Request(  # noqa: S310 - a server of this test
            f"{self.url}/api/2.0/mlflow/{route}",
            body,
            {"Content-Type": "application/json"},
        )
        return self._read(asked)

    def get(self, route, **query):
        pairs = "&".join(f"{name}={quote(str(v))}" for name, v in query.items())
        body = self._read(f"{self.url}/api/2.0/mlflow/{route}?{pairs}")
        return Answer(200, body, {}, b"")

    def file(self, path):
        """Return a file; MLflow decodes `%41` in a name twice and finds none."""
        if "%" in path:
            return (self.files / path).read_bytes()
        place = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"
        with urlopen(place) as answer:  # noqa: S310
            return answer.read()

    def folder(self, path):
        place = f"{self.url}/api/2.0/mlflow-artifacts/artifacts?path={quote(path)}"
        return self._read(place).get("files", [])

    @staticmethod
    def _read(asked):
        with urlopen(asked) as answer:  # noqa: S310
            return json.loads(answer.read(), object_hook=numbers)


class RealDoor(Door):
    def history(self, run, key):
        found = self.mlflow.get(
            "metrics/get-history", run_id=run, metric_key=key, max_results=25_000
        )
        return found.body["metrics"]

    def versions(self):
        """Return each version as it is got; MLflow's search leaves aliases out."""
        return [
            self.mlflow.get(
                "model-versions/get", name=one["name"], version=one["version"]
            ).body["model_version"]
            for one in super().versions()
        ]

    def files_of_run(self, message):
        return self._below(message["info"]["artifact_uri"])

    def files_of_model(self, message):
        return self._below(message["info"]["artifact_uri"])

    def _below(self, uri):
        root = uri.removeprefix("mlflow-artifacts:/")
        found, folders = {}, [root]
        while folders:
            folder = folders.pop()
            for one in self.mlflow.folder(folder):
                path = f"{folder}/{one['path']}"
                if one.get("is_dir"):
                    folders.append(path)
                else:
                    content = self.mlflow.file(path)
                    inner = path.removeprefix(f"{root}/")
                    found[inner] = hashlib.sha256(content).hexdigest()
        return found


@pytest.fixture(scope="module")
def python():
    try:
        return python_with(NEWEST)
    except NoPackageIndex:
        pytest.skip("no package index answers")


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_server_says_what_the_original_one_said(name, python, tmp_path):
    history = unpacked(name, tmp_path / "original")
    _, ended_well, said = bring_in(history.source, artifacts=history.artifacts)
    assert ended_well, said
    export(tmp_path / "exported")

    with opened(python, tmp_path / "exported") as url:
        assert_same(history, RealDoor(RealServer(url, tmp_path / "exported/artifacts")))
