import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from datasets.models import Dataset
from lifecycle.models import ModelVersion, NewPoint, Run
from lifecycle.paths import ARTIFACTS
from lifecycle.states import RunStatus
from mlops.core.byte_store import byte_store
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored

pytestmark = pytest.mark.django_db
URL = "/api/v1/ml/lifecycle/runs"


def whole_run(**more):
    return {
        "run_id": "run-00000001",
        "experiment_name": ExperimentFactory().name,
        "parameters": [
            {"name": "depth", "value": 3},
            {"name": "max_features", "value": None},
            {"name": "layers", "value": [8, 8]},
        ],
        "metrics": [
            {"metric_name": "f1", "value": 0.8, "dataset": "test"},
            {"metric_name": "f1", "value": 0.9, "dataset": "train"},
        ],
        "tags": ["hot", "team=core"],
        "artifacts": [
            {"name": "plot", "uri": "s3://bucket/plot.png", "artifact_type": "image"}
        ],
        "notes": "first try",
    } | more


def test_whole_run_comes_back_as_it_was(api, person):
    body = whole_run()

    answer = api("data scientist").post(URL, body)

    shown = answer.json()
    assert answer.status_code == 201
    assert shown["status"] == "running"
    assert shown["completed_at"] is None
    assert shown["parameters"] == body["parameters"]
    assert shown["tags"] == body["tags"]
    assert shown["notes"] == "first try"
    assert shown["created_by"] == person("data scientist").username
    assert [(m["metric_name"], m["dataset"], m["value"]) for m in shown["metrics"]] == [
        ("f1", "test", 0.8),
        ("f1", "train", 0.9),
    ]
    assert shown["artifacts"][0] | {"size_bytes": 0} == {
        "name": "plot",
        "uri": "s3://bucket/plot.png",
        "artifact_type": "image",
        "size_bytes": 0,
    }
    assert api().get(answer.headers["Location"]).json() == shown


def test_server_makes_the_id_that_is_left_out(api):
    body = {"experiment_name": ExperimentFactory().name}

    assert len(api().post(URL, body).json()["run_id"]) == 32


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        ({"run_id": "short"}, 422, "run_id"),
        ({"run_id": "x" * 257}, 422, "run_id"),
        ({"run_id": "run/00000001"}, 422, "run_id"),
        ({"run_id": 12345678}, 422, "run_id"),
        ({"experiment_name": "nothing"}, 404, "experiment_name"),
        ({"parameters": [{"name": "a", "value": 1}] * 2}, 422, "parameters"),
        ({"parameters": [{"name": "a"}]}, 422, "parameters"),
        ({"parameters": [{"name": "", "value": 1}]}, 422, "parameters"),
        ({"metrics": [{"metric_name": "a", "value": "1"}]}, 422, "metrics"),
        ({"metrics": [{"metric_name": "a", "value": True}]}, 422, "metrics"),
        ({"metrics": [{"metric_name": "a", "value": None}]}, 422, "metrics"),
        ({"metrics": [{"metric_name": "a", "value": 10**400}]}, 422, "metrics"),
        (
            {"metrics": [{"metric_name": "a", "value": 1, "step": 2**63}]},
            422,
            "metrics",
        ),
        ({"metrics": [{"metric_name": "a", "value": 1}] * 1001}, 422, "metrics"),
        ({"metrics": {"a": 1}}, 422, "metrics"),
        ({"dataset_name": "nothing"}, 404, "dataset_name"),
        ({"dataset_version": "1"}, 422, "dataset_name"),
        ({"tags": ["a=1", "a=2"]}, 422, "tags"),
        ({"status": "completed"}, 422, "status"),
        (
            {"artifacts": [{"name": "a", "uri": "/etc/passwd", "artifact_type": "x"}]},
            422,
            "artifacts",
        ),
        (
            {"artifacts": [{"name": "a", "uri": "file:///e", "artifact_type": "x"}]},
            422,
            "artifacts",
        ),
        (
            {"artifacts": [{"name": "../a", "uri": "s3://b", "artifact_type": "x"}]},
            422,
            "artifacts",
        ),
    ],
)
def test_bad_run_is_refused_and_nothing_is_kept(api, more, status, field):
    answer = api().post(URL, whole_run(**more))

    assert answer.status_code == status
    assert field in answer.json()["errors"][0]["loc"]
    assert not Run.objects.exists()


def test_too_wide_a_number_is_found_by_its_position(api):
    metrics = [{"metric_name": "a", "value": value} for value in (1, 2**64)]

    answer = api().post(URL, whole_run(metrics=metrics))

    assert answer.json()["errors"][0]["loc"] == ["body", "metrics", 1, "value"]


def test_unknown_dataset_and_unknown_version_are_told_apart(api):
    Dataset.objects.create(name="prices")

    stranger = api().post(URL, whole_run(dataset_name="nothing")).json()
    later = api().post(URL, whole_run(dataset_name="prices", dataset_version="9"))

    assert stranger["detail"] == "There is no dataset 'nothing'."
    assert later.json()["detail"] == "The dataset 'prices' has no version '9'."
    assert later.json()["errors"][0]["loc"] == ["body", "dataset_version"]


def test_id_that_is_taken_is_a_conflict(api):
    RunFactory(uid="run-00000001")

    assert api().post(URL, whole_run()).status_code == 409


def test_metrics_without_a_step_leave_a_curve(api):
    run = RunFactory()
    for value in (0.9, 0.5, 0.4):
        metrics = [{"metric_name": "loss", "value": value}]
        api().patch(f"{URL}/{run.uid}", {"metrics": metrics})

    points = api().get(f"{URL}/{run.uid}/metrics/loss").json()

    assert [(p["step"], p["value"]) for p in points] == [(0, 0.9), (1, 0.5), (2, 0.4)]


def test_update_adds_then_ends_the_run(api):
    run = RunFactory()

    answer = api().patch(
        f"{URL}/{run.uid}",
        {
            "status": "completed",
            "metrics": [{"metric_name": "f1", "value": 0.5}],
            "artifacts": [{"name": "m", "uri": "gs://b/m", "artifact_type": "model"}],
            "notes": "done",
        },
    )

    shown = answer.json()
    assert shown["status"] == "completed"
    assert shown["completed_at"] is not None
    assert shown["metrics"][0]["value"] == 0.5
    assert shown["notes"] == "done"


def test_cancelled_run_has_a_time_of_its_end(api):
    run = RunFactory()

    shown = api().patch(f"{URL}/{run.uid}", {"status": "cancelled"}).json()

    assert shown["completed_at"] is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"metrics": [{"metric_name": "f1", "value": 0.5}]}, "run_closed"),
        (
            {"artifacts": [{"name": "m", "uri": "gs://b", "artifact_type": "x"}]},
            "run_closed",
        ),
        ({"status": "running"}, "illegal_run_status"),
        ({"status": "failed"}, "illegal_run_status"),
    ],
)
def test_finished_run_is_closed(api, body, code):
    run = RunFactory(status=RunStatus.COMPLETED, ended_ms=2**41)

    answer = api().patch(f"{URL}/{run.uid}", body)

    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_refused_update_keeps_nothing(api):
    run = RunFactory()

    answer = api().patch(
        f"{URL}/{run.uid}",
        {
            "metrics": [{"metric_name": "f1", "value": 0.5}],
            "status": "completed",
            "completed_at": "1970-01-01T00:00:00Z",
        },
    )

    assert answer.status_code == 422
    assert not run.metric_points.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "scheduled"}, "status"),
        ({"status": "done"}, "status"),
        ({"completed_at": "2026-01-01T00:00:00Z"}, "completed_at"),
        ({"completed_at": "soon", "status": "failed"}, "completed_at"),
        ({"run_id": "other"}, "run_id"),
        ({"metrics": [1]}, "metrics"),
    ],
)
def test_bad_update_is_refused_with_the_fields_name(api, body, field):
    answer = api().patch(f"{URL}/{RunFactory().uid}", body)

    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["loc"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"one-0000", "two-0000"}),
        ("statuses=running", {"one-0000"}),
        ("statuses=running&statuses=failed", {"one-0000", "two-0000"}),
        ("statuses=cancelled", set()),
        ("experiment_name=first", {"one-0000"}),
        ("experiment_name=nothing", set()),
        ("tags=hot", {"one-0000"}),
        ("date_from=2020-01-01", {"one-0000"}),
        ("date_to=1970-01-01", {"two-0000"}),
        ("date_to=1970-01-01T00:00:00.001Z", {"two-0000"}),
        ("date_to=1970-01-01T00:00:00.0009Z", set()),
        ("date_from=1970-01-01T00:00:00.0011Z", {"one-0000"}),
    ],
)
def test_list_is_filtered(api, query, expected):
    first = RunFactory(uid="one-0000", experiment__name="first")
    first.log(tags={"hot": ""})
    RunFactory(uid="two-0000", status=RunStatus.FAILED, started_ms=1)

    rows = api().get(f"{URL}?{query}").json()

    assert {row["run_id"] for row in rows} == expected


@pytest.mark.parametrize("query", ["statuses=done", "date_from=x", "sort_by=notes"])
def test_bad_query_is_refused(api, query):
    assert api().get(f"{URL}?{query}").status_code == 400


def test_batch_of_points_is_kept_with_steps_and_times(api):
    run = RunFactory()
    batch = {
        "metrics": [
            {
                "metric_name": "val/loss",
                "value": 1 / (step + 1),
                "step": step,
                "timestamp": f"2026-01-01T00:00:{step:02}.000Z",
            }
            for step in range(3)
        ]
    }

    answer = api().post(f"{URL}/{run.uid}/metrics", batch)
    api().post(f"{URL}/{run.uid}/metrics", batch)

    assert answer.status_code == 201
    assert answer.json() == {"run_id": run.uid, "recorded": 3}
    for url in (
        f"{URL}/{run.uid}/metrics/val/loss",
        f"{URL}/{run.uid}/metrics/val%2Floss/",
    ):
        points = api().get(url).json()
        assert [point["step"] for point in points] == [0, 1, 2]
        assert points[2]["timestamp"] == "2026-01-01T00:00:02.000000Z"


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"metrics": []},
        {"metrics": [{"metric_name": "a"}]},
        {"metrics": [{"metric_name": "a", "value": 1, "step": 1.5}]},
        {"metrics": [{"metric_name": "a", "value": 1, "timestamp": 17}]},
        {"metrics": [{"metric_name": "a", "value": 1}], "more": 1},
    ],
)
def test_bad_batch_is_refused(api, batch):
    run = RunFactory()

    assert api().post(f"{URL}/{run.uid}/metrics", batch).status_code == 422
    assert not run.metric_points.exists()


def test_what_is_no_number_is_named_in_the_history_and_a_word_elsewhere(api):
    run = RunFactory()
    values = [float("nan"), float("inf"), float("-inf")]
    run.log(
        metrics=[NewPoint("loss", value, step) for step, value in enumerate(values)]
    )

    points = api().get(f"{URL}/{run.uid}/metrics/loss").json()

    assert [point["special"] for point in points] == ["NaN", "Infinity", "-Infinity"]
    assert all("value" not in point for point in points)
    [newest] = api().get(f"{URL}/{run.uid}").json()["metrics"]
    assert (newest["value"], newest["step"]) == ("-Infinity", 2)


def test_history_of_an_unknown_metric_is_not_found(api):
    run = RunFactory()

    assert api().get(f"{URL}/{run.uid}/metrics/loss").status_code == 404
    assert api().get(f"{URL}/nothing/metrics/loss").status_code == 404


def test_history_is_filtered_by_dataset(api):
    run = RunFactory()
    run.log(metrics=[NewPoint("f1", 1, dataset="a"), NewPoint("f1", 2, dataset="b")])

    [point] = api().get(f"{URL}/{run.uid}/metrics/f1?dataset=b").json()

    assert (point["value"], point["dataset"]) == (2, "b")


def upload(client, run, content=b"weights", **form):
    file = SimpleUploadedFile("model.onnx", content)
    return client.post(
        f"{URL}/{run.uid}/artifacts", {"file": file, **form}, format="multipart"
    )


def test_file_goes_up_is_listed_and_comes_down(api):
    run = RunFactory()

    answer = upload(api("data scientist"), run, path="out/net.onnx")

    assert answer.status_code == 201
    [listed] = api("viewer").get(f"{URL}/{run.uid}/artifacts").json()
    assert listed == answer.json()
    assert listed["size_bytes"] == 7
    assert listed["artifact_type"] == "model"
    down = api("viewer").get(listed["download_url"])
    assert b"".join(down) == b"weights"
    assert down.headers["ETag"] == f'"{listed["sha256"]}"'


def test_file_without_a_path_keeps_its_name(api):
    assert upload(api(), RunFactory()).json()["path"] == "model.onnx"


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "a/../../x", "C:\\x", "%2e%2e/x", "a\nb", "x" * 1001],
)
def test_unsafe_path_is_refused(api, path):
    run = RunFactory()

    answer = upload(api(), run, path=path)

    assert answer.status_code == 422
    assert "path" in answer.json()["errors"][0]["loc"]
    assert not run.artifacts.exists()


def test_upload_without_a_file_is_refused(api):
    run = RunFactory()

    answer = api().post(f"{URL}/{run.uid}/artifacts", {"path": "a"}, format="multipart")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "file"]


def test_upload_that_is_no_form_is_refused(api):
    run = RunFactory()

    answer = api().post(f"{URL}/{run.uid}/artifacts", {"path": "a"}, format="json")

    assert answer.status_code == 415


def test_oversized_upload_is_refused(api, settings):
    settings.MAX_UPLOAD_BYTES = 10
    run = RunFactory()

    assert upload(api(), run, b"x" * 11).status_code == 413
    assert upload(api(), run, b"x" * 2_000_000).status_code == 413
    assert not run.artifacts.exists()


def test_two_files_in_one_form_are_refused_by_name(api, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    run = RunFactory()
    files = [SimpleUploadedFile("a", b"a"), SimpleUploadedFile("b", b"b")]

    answer = api().post(
        f"{URL}/{run.uid}/artifacts", {"path": "a", "file": files}, format="multipart"
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["body", "file"]
    assert not run.artifacts.exists()
    assert stored_files() == []


def test_upload_sent_again_under_its_key_is_stored_once(api, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    run, client = RunFactory(), api()
    client.credentials(HTTP_IDEMPOTENCY_KEY="once")

    first, again = upload(client, run), upload(client, run)
    other = upload(client, run, b"another")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stored_files()) == 1


def test_refused_upload_leaves_no_file(api, settings, tmp_path):
    settings.DATA_DIR = tmp_path

    assert upload(api(), RunFactory(), path="../x").status_code == 422
    assert stored_files() == []


def stored_files():
    return list(byte_store().listing(ARTIFACTS))


def test_finished_run_takes_no_file(api):
    run = RunFactory(status=RunStatus.COMPLETED)

    assert upload(api(), run).status_code == 409


def test_file_under_a_model_version_is_not_replaced(api):
    run = RunFactory()
    stored(run)
    ModelVersion.register("churn", by=None, run=run)

    answer = upload(api(), run, b"other")

    assert (answer.status_code, answer.json()["code"]) == (409, "artifact_in_use")


@pytest.mark.parametrize(
    ("asked", "status", "content", "described"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-2", 416, None, "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
def test_range_of_a_file_comes_down(api, asked, status, content, described):
    run = RunFactory()
    stored(run, "a.txt", b"0123456789")

    answer = api().get(f"{URL}/{run.uid}/artifacts/a.txt", headers={"Range": asked})

    assert answer.status_code == status
    assert answer.headers.get("Content-Range") == described
    if content is not None:
        assert b"".join(answer) == content
        assert answer.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("known", ["{}", "W/{}", "*", '"other", {}'])
def test_file_that_the_client_has_is_not_sent_again(api, known):
    run = RunFactory()
    stored(run, "a.txt", b"0123456789")
    tag = api().head(f"{URL}/{run.uid}/artifacts/a.txt").headers["ETag"]

    answer = api().get(
        f"{URL}/{run.uid}/artifacts/a.txt",
        headers={"If-None-Match": known.format(tag), "Range": "bytes=0-3"},
    )

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag


def test_file_that_the_client_has_otherwise_comes_down(api):
    run = RunFactory()
    stored(run, "a.txt", b"0123456789")

    answer = api().get(
        f"{URL}/{run.uid}/artifacts/a.txt", headers={"If-None-Match": '"other"'}
    )

    assert (answer.status_code, b"".join(answer)) == (200, b"0123456789")


def test_answer_that_nobody_reads_leaves_no_file_open(api):
    run = RunFactory()
    stored(run, "a.txt", b"0123456789")

    api().get(f"{URL}/{run.uid}/artifacts/a.txt").close()  # else a ResourceWarning


def test_empty_file_comes_down(api):
    run = RunFactory()
    stored(run, "empty", b"")

    assert b"".join(api().get(f"{URL}/{run.uid}/artifacts/empty")) == b""


@pytest.mark.parametrize("name", ["page.html", "image.svg", "x.xhtml", "no-ending"])
def test_no_browser_renders_what_comes_down(api, name):
    run = RunFactory()
    stored(run, name, b"<script>alert(1)</script>")

    answer = api().get(f"{URL}/{run.uid}/artifacts/{name}")

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in {"text/plain", "application/octet-stream"}
    b"".join(answer)


def test_reference_has_no_bytes_here(api):
    run = RunFactory()
    api().patch(
        f"{URL}/{run.uid}",
        {"artifacts": [{"name": "m", "uri": "s3://b/m", "artifact_type": "model"}]},
    )

    [listed] = api().get(f"{URL}/{run.uid}/artifacts").json()

    assert "download_url" not in listed
    assert api().get(f"{URL}/{run.uid}/artifacts/m").status_code == 404


def test_reference_to_an_uploaded_file_only_says_its_type(api):
    run = RunFactory()
    stored(run, "m.bin")

    answer = api().patch(
        f"{URL}/{run.uid}",
        {"artifacts": [{"name": "x", "uri": "m.bin", "artifact_type": "booster"}]},
    )

    assert [(a["name"], a["artifact_type"]) for a in answer.json()["artifacts"]] == [
        ("m.bin", "booster")
    ]


@pytest.mark.parametrize(
    "path", ["nothing", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e"]
)
def test_no_path_leads_out_of_the_run(api, path):
    run, other = RunFactory(), RunFactory()
    stored(other, "secret")

    assert api().get(f"{URL}/{run.uid}/artifacts/{path}").status_code == 404
    assert api().get(f"{URL}/{run.uid}/artifacts/../../{other.uid}").status_code == 404
