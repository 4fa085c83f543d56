"""MLflow's advisories, replayed: 4xx, and nothing read, kept, listed or deleted."""

import json
from urllib.parse import quote

import pytest
from django.conf import settings

from lifecycle.models import Artifact, Experiment, ModelVersion, Run
from tests.lifecycle.mlflow.conftest import FILES

pytestmark = pytest.mark.django_db(transaction=True)

LOCAL = [
    "/etc/",
    "file:///etc/",
    "FILE:///etc",
    "FiLe:/etc",
    "file://localhost/etc",
    "file:etc",
    "file:////etc",
    "file:\\\\\\etc",
    " file:///etc",
    "\tfile:///etc",
    "\nfile:///etc",
    "//etc/passwd",
    "..\\..\\etc",
    "\\\\host\\share",
    "C:\\",
    "C:/windows",
    "relative/path",
    ".",
    "~",
]
CLIMBING = [
    "mlflow-artifacts:/../..",
    "mlflow-artifacts:/x;/../../etc",
    "mlflow-artifacts:/a#/../../etc",
    "mlflow-artifacts://host/..%2f..%2fetc",
    "mlflow-artifacts:/%252e%252e/etc",
    "mlflow-artifacts:/a%00",
    "http:///#/../../../etc/",
    "s3://b/?/../../",
    "s3://bucket/a/../../b",
    "dbfs:/a/%2e%2e/%2e%2e/etc",
    "models:/x/../..",
]
PATHS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "./a",
    "a//b",
    "..",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc",
    "%252e%252e%252fetc",
    "%25252e%25252e/etc",
    "..\\..\\etc",
    "C:\\x",
    "a\u202eb",
    "a\nb",
]


@pytest.fixture
def model(mlflow):
    mlflow.ok("registered-models/create", name="m")


@pytest.fixture
def root():
    """A file beside the artifacts, and a link to it inside: neither may be reached."""
    folder = settings.DATA_DIR / "artifacts"
    folder.mkdir(mode=0o700, exist_ok=True)
    secret = settings.DATA_DIR / "secret.txt"
    secret.write_text("secret")
    link = folder / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    yield secret
    assert secret.read_text() == "secret"
    link.unlink()
    secret.unlink()


@pytest.mark.parametrize("source", [*LOCAL, *CLIMBING])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.usefixtures("model")
def test_a_version_is_never_made_from_a_path(mlflow, run_id, source, tagged):
    """CVE-2023-1177 and its kin, CVE-2025-11201; a prompt's tag skips nothing."""
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}] if tagged else []

    answer = mlflow.post(
        "model-versions/create", name="m", source=source, run_id=run_id, tags=tags
    )

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("inner", ["/../../..", "/a/../../b", "/%2e%2e/x"])
@pytest.mark.usefixtures("model")
def test_a_source_does_not_climb_out_of_its_run(mlflow, experiment, run_id, inner):
    for root in (
        f"runs:/{run_id}",
        f"mlflow-artifacts:/{experiment}/{run_id}/artifacts",
    ):
        answer = mlflow.post(
            "model-versions/create", name="m", source=root + inner, run_id=run_id
        )
        assert answer.status == 400


@pytest.mark.usefixtures("model")
def test_an_address_of_ours_must_be_of_something_that_is_here(
    mlflow, experiment, run_id
):
    other = mlflow.ok("experiments/create", name="other")["experiment_id"]
    for place in (
        f"{experiment}/none/artifacts/m",
        f"{other}/{run_id}/artifacts/m",
        f"{experiment}/models/m-1/artifacts",
        f"{experiment}",
    ):
        answer = mlflow.post(
            "model-versions/create", name="m", source=f"mlflow-artifacts:/{place}"
        )
        assert answer.status == 400


@pytest.mark.usefixtures("model")
def test_a_remote_source_is_a_label_that_gives_no_files(mlflow):
    mlflow.ok("model-versions/create", name="m", source="s3://bucket/model")
    version = {"name": "m", "version": "1"}

    uri = mlflow.get("model-versions/get-download-uri", **version).body
    file = mlflow.send(
        "GET", "/model-versions/get-artifact", query={**version, "path": "MLmodel"}
    )

    assert uri == {"artifact_uri": "s3://bucket/model"}
    assert file.status == 404


@pytest.mark.parametrize("location", [*LOCAL, *CLIMBING, "mlflow-artifacts:/mine"])
def test_an_experiment_is_never_kept_at_a_path(mlflow, location):
    answer = mlflow.post("experiments/create", name="study", artifact_location=location)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not Experiment.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leaves_the_run(mlflow, experiment, run_id, root, path):
    place = f"{experiment}/{run_id}/artifacts"
    mlflow.put(f"{place}/a.txt", b"1")
    addresses = [
        mlflow.get("artifacts/list", run_id=run_id, path=path),
        mlflow.send("GET", "/get-artifact", query={"run_id": run_id, "path": path}),
        mlflow.send("GET", FILES, query={"path": f"{place}/{path}"}),
        *(
            mlflow.file(method, f"{place}/{quote(path)}", b"x")
            for method in ("GET", "PUT", "DELETE")
        ),
    ]

    for answer in addresses:
        assert 400 <= answer.status < 500, (path, answer.body)
    assert [artifact.path for artifact in Artifact.objects.all()] == ["a.txt"]


@pytest.mark.parametrize("path", ["", "/", ".", "a/..", "link", "%2e"])
def test_deleting_nothing_deletes_nothing(mlflow, experiment, run_id, root, path):
    """CVE-2024-1560: an empty path must not be the whole run, twice decoded or not."""
    place = f"{experiment}/{run_id}/artifacts"
    mlflow.put(f"{place}/a.txt", b"1")

    answer = mlflow.file("DELETE", f"{place}/{path}")

    assert 400 <= answer.status < 500
    assert Artifact.objects.count() == 1


def test_a_nul_byte_in_a_path_is_a_mistake(mlflow, experiment, run_id):
    place = f"{experiment}/{run_id}/artifacts"

    assert mlflow.file("GET", f"{place}/a%00.txt").status == 400
    assert mlflow.get("artifacts/list", run_id=run_id, path="a\x00").status == 400


def test_a_file_of_one_run_is_not_reached_through_another(mlflow, experiment, run_id):
    other = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    mlflow.put(f"{experiment}/{run_id}/artifacts/a.txt", b"1")

    assert mlflow.file("GET", f"{experiment}/{other}/artifacts/a.txt").status == 404
    assert mlflow.file("GET", f"9{experiment}/{run_id}/artifacts/a.txt").status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "x@y"])
def test_a_foreign_host_name_is_refused(mlflow, experiment, host):
    """CVE-2025-14279: DNS rebinding."""
    for path in ("/api/2.0/mlflow/experiments/search", "/health"):
        answer = mlflow.send("GET", path, headers={"Host": host})
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")


def test_a_form_or_plain_text_is_no_request(mlflow):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = mlflow.send(
            "POST",
            "/api/2.0/mlflow/experiments/create",
            {"name": "x"},
            content_type=kind,
        )
        assert answer.status == 400
    assert not Experiment.objects.exists()


def test_a_cookie_session_opens_nothing_here(client, person):
    client.force_login(person("admin"))

    answer = client.post(
        "/api/2.0/mlflow/experiments/create",
        json.dumps({"name": "x"}),
        content_type="application/json",
        headers={"Origin": "http://evil.example"},
    )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "' + b"x" * 1_100_000 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b"[1]",
        b'"text"',
        b"{",
        b'{"name": "a\\u0000b"}',
        b'{"name": {"a": 1}}',
        b'{"name": ["x"]}',
    ],
)
def test_odd_bodies_are_mistakes_of_the_client(mlflow, body):
    answer = mlflow.send("POST", "/api/2.0/mlflow/experiments/create", body)

    assert answer.status == 400
    assert not Experiment.objects.exists()


def test_a_million_tags_are_too_many(mlflow, experiment):
    tags = [{"key": f"k{n}", "value": ""} for n in range(100_000)]

    answer = mlflow.post("runs/create", experiment_id=experiment, tags=tags)

    assert answer.status == 400
    assert not Run.objects.exists()
