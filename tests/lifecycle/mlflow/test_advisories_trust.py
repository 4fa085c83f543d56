"""The advisories about trust: rights, foreign hosts and pages, SSRF, what files hold.

The table of all of them is in `test_advisories`.
"""

import json
import pickle
import socket
import zipfile
from io import BytesIO

import pytest

from lifecycle.mlflow import routes
from lifecycle.models import Artifact, Experiment, ModelVersion

pytestmark = pytest.mark.django_db
API = "/api/2.0/mlflow/"
INWARDS = ("127.0.0.1", "localhost", "2130706433", "0177.0.0.1")


@pytest.fixture
def model(mlflow):
    mlflow.ok("registered-models/create", name="m")


@pytest.fixture
def listener():
    """A port of this machine where nobody must ever call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("host", INWARDS)
@pytest.mark.usefixtures("model")
def test_an_address_of_a_client_is_never_called(mlflow, listener, host):
    """CVE-2023-6974, CVE-2025-52967, CVE-2026-2393: nothing here fetches a URL."""
    label = f"http://{host}:{listener}/x"
    made = mlflow.ok("experiments/create", name="far", artifact_location=label)
    run = mlflow.ok("runs/create", **made)["run"]["info"]["run_id"]
    mlflow.ok("model-versions/create", name="m", source=label, run_id=run)
    version = {"name": "m", "version": "1"}

    answers = [
        mlflow.get("artifacts/list", run_id=run),
        mlflow.get("model-versions/get-download-uri", **version),
        mlflow.send(
            "GET", "/model-versions/get-artifact", query={**version, "path": "a"}
        ),
        mlflow.send("GET", "/get-artifact", query={"run_id": run, "path": "a"}),
    ]

    assert [answer.status for answer in answers] == [200, 200, 404, 404]
    assert answers[0].body["files"] == []


@pytest.mark.parametrize("host", INWARDS)
def test_a_webhook_is_aimed_by_admins_alone_and_never_inwards(
    mlflow_as, listener, host
):
    """CVE-2026-2393: neither when it is made, nor when it is changed, nor tried."""
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    far = {"name": "ci", "url": "https://93.184.216.34/", "events": [event]}
    near = far | {"url": f"http://{host}:{listener}/x"}
    admin, scientist = mlflow_as("admin"), mlflow_as("data scientist")
    one = f"webhooks/{admin.ok('webhooks', **far)['webhook']['webhook_id']}"

    answers = [
        admin.post("webhooks", near | {"name": "other"}),
        admin.send("PATCH", f"{API}{one}", {"url": near["url"]}),
        scientist.post("webhooks", far | {"name": "other"}),
        scientist.post(f"{one}/test", {}),
    ]

    assert [answer.status for answer in answers] == [400, 400, 403, 403]
    assert [hook["url"] for hook in admin.get("webhooks").body["webhooks"]] == [
        far["url"]
    ]


def every_endpoint():
    tables = (routes.TRACKING, routes.REGISTRY, routes.LOGGED_MODELS, routes.FILES)
    for table in tables:
        for address, endpoints in table.items():
            for method, endpoint in endpoints.items():
                yield method, f"{API}{address}", endpoint
    for tail, endpoints in routes.LOGGED_MODEL.items():
        for method, endpoint in endpoints.items():
            address = f"{API}logged-models/m-1{tail}".replace("<path:key>", "k")
            yield method, address, endpoint
    for method, endpoint in routes.PROXY["/<path:path>"].items():
        path = "1/r/artifacts/a"
        yield method, f"/api/2.0/mlflow-artifacts/artifacts/{path}", endpoint
    for address, endpoints in routes.DOWNLOADS.items():
        yield "GET", f"/{address}", endpoints["GET"]


@pytest.mark.parametrize(("role", "may_read"), [("nobody", False), ("viewer", True)])
def test_no_endpoint_forgets_to_ask_for_the_permission(mlflow_as, role, may_read):
    """CVE-2024-4263, CVE-2026-2651: log-inputs, artifact delete and all the others."""
    client = mlflow_as(role)
    refused = 0

    for method, address, endpoint in every_endpoint():
        answer = client.send(method, address, {})
        is_read = ".view_" in endpoint.permission
        assert (answer.status == 403) is not (may_read and is_read), (method, address)
        refused += answer.status == 403

    assert refused > 30


def test_one_run_s_rights_and_files_are_not_another_s(mlflow, experiment, run_id):
    """CVE-2023-6018: a write through another run's or experiment's address."""
    other = mlflow.ok("experiments/create", name="other")["experiment_id"]
    mlflow.put(f"{experiment}/{run_id}/artifacts/a.txt", b"mine")

    answers = [
        mlflow.put(f"{other}/{run_id}/artifacts/a.txt", b"x"),
        mlflow.put(f"{experiment}/models/{run_id}/artifacts/a.txt", b"x"),
        mlflow.file("DELETE", f"{other}/{run_id}/artifacts/a.txt"),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert mlflow.file("GET", f"{experiment}/{run_id}/artifacts/a.txt").raw == b"mine"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "x@y"])
def test_a_foreign_host_name_is_refused(mlflow, experiment, host):
    """CVE-2025-14279: DNS rebinding."""
    for path in (f"{API}experiments/search", "/health"):
        answer = mlflow.send("GET", path, headers={"Host": host})
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")


def test_a_foreign_page_is_told_nothing(mlflow):
    answer = mlflow.send(
        "POST",
        f"{API}experiments/search",
        {},
        headers={"Origin": "http://evil.example"},
    )

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_form_or_plain_text_is_no_request(mlflow):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = mlflow.send(
            "POST", f"{API}experiments/create", {"name": "x"}, content_type=kind
        )
        assert answer.status == 400
    assert not Experiment.objects.exists()


def test_a_cookie_session_opens_nothing_here(client, person):
    """CVE-2025-1473: no page of another site can use who is signed in."""
    client.force_login(person("admin"))

    answer = client.post(
        f"{API}experiments/create",
        json.dumps({"name": "x"}),
        content_type="application/json",
        headers={"Origin": "http://evil.example"},
    )

    assert answer.status_code == 401


class Marks:
    """A pickle that leaves a file behind if anybody ever loads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.usefixtures("model")
def test_what_a_model_holds_is_stored_and_never_run(
    mlflow, api, experiment, run_id, tmp_path
):
    """CVE-2024-37052 and its kin: no pickle is loaded, no YAML tag is obeyed."""
    mark = tmp_path / "mark"
    place = f"{experiment}/{run_id}/artifacts/model"
    mlflow.put(f"{place}/model.pkl", pickle.dumps(Marks(mark)))
    mlflow.put(f"{place}/MLmodel", f"!!python/object/apply:open [{mark}, w]".encode())

    source = f"runs:/{run_id}/model"
    mlflow.ok("model-versions/create", name="m", source=source, run_id=run_id)
    mlflow.get("model-versions/get", name="m", version="1")
    api("viewer").get("/api/v1/ml/lifecycle/models/m/1")

    assert not mark.exists()


def test_an_archive_stays_an_archive(mlflow, experiment, run_id):
    """CVE-2024-8859, CVE-2025-15031, CVE-2025-15036: nothing is unpacked."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../climbed.txt", "x")
    place = f"{experiment}/{run_id}/artifacts/a.zip"

    mlflow.put(place, packed.getvalue())

    assert mlflow.file("GET", place).raw == packed.getvalue()
    assert [artifact.path for artifact in Artifact.objects.all()] == ["a.zip"]


@pytest.mark.parametrize("text", ["; touch x", "$(touch x)", "`touch x`", "\ntouch x"])
@pytest.mark.usefixtures("model")
def test_a_word_of_the_shell_is_no_source(mlflow, run_id, text):
    """CVE-2025-14287, CVE-2026-0596: what is kept is a path that is there as such."""
    answer = mlflow.post(
        "model-versions/create", name="m", source=f"models:/{text}", run_id=run_id
    )

    assert 400 <= answer.status < 500
    assert not ModelVersion.objects.exists()
