"""Makes a small history with the MLflow that is installed, and records its answers.

    python record.py NAME [--files]

makes `NAME.tar.xz` in this folder: the store (SQLite, or with `--files` a folder), its
artifacts, and `answers.json`, which is what that MLflow's own server says of every
experiment, run, point, file, model and version. It needs mlflow-skinny with
sqlalchemy, alembic and flask; each release goes into an environment of its own. What a
release cannot do is left out (aliases before 2.3, dataset inputs before 2.4, logged
models before 3.0) and listed in the answers.
"""

import hashlib
import inspect
import json
import os
import shutil
import sys
import tarfile
import time
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parent
PLACE = Path("/tmp/mlflow-history")  # noqa: S108 - the addresses in a store say it
IS_FILES = "--files" in sys.argv
STORE = str(PLACE / "mlruns") if IS_FILES else f"sqlite:///{PLACE}/store.db"

os.environ.update(
    GIT_PYTHON_REFRESH="quiet",
    MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    _MLFLOW_SERVER_FILE_STORE=STORE,
    _MLFLOW_SERVER_REGISTRY_STORE=STORE,
    _MLFLOW_SERVER_ARTIFACT_ROOT=str(PLACE / "artifacts"),
)

import mlflow  # noqa: E402 - reads the environment
from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

VERSION = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
T0 = 1_600_000_000_000
API = "/api/2.0/mlflow/"
SKIPPED = []


def attempt(what, call):
    try:
        return call()
    except Exception as problem:  # noqa: BLE001 - a release without it
        SKIPPED.append(f"{what}: {type(problem).__name__}")
        return None


def points():
    yield from (Metric("loss", 1 / (s + 1), T0 + s * 1000, s) for s in range(40))
    yield Metric("loss", float("nan"), T0 + 61_000, 61)
    yield Metric("only nan", float("nan"), T0, 0)
    yield Metric("inf", float("inf"), T0, 0)
    yield Metric("inf", float("-inf"), T0 + 1, 1)
    yield Metric("huge", 1e308, T0, 0)
    yield Metric("tiny", 5e-324, T0, 0)
    yield Metric("minus zero", -0.0, T0, 0)
    yield Metric("third", 1 / 3, T0, 0)
    yield Metric("negative step", 7.0, T0, -5)
    yield Metric("big step", 8.0, T0, 2**53)
    yield Metric("in seconds", 9.0, 1_600_000_000, 0)
    yield Metric("time zero", 1.5, 0, 0)
    yield from (Metric("same moment", v, T0, 3) for v in (1.0, 3.0, 2.0))
    yield Metric("late", 1.0, T0 + 5, 9)
    yield Metric("late", 2.0, T0 + 9, 4)
    yield Metric("val/auc-1.0 x_y", 0.75, T0, 1)


def begin(client, experiment, at, name, tags):
    named = {"run_name": name}
    if "run_name" not in inspect.signature(client.create_run).parameters:
        named, tags = {}, dict(tags, **{"mlflow.runName": name})
    made = client.create_run(experiment, start_time=at, tags=tags, **named)
    return made.info.run_id


def write_files(run_id, client):
    root = PLACE / "upload"
    (root / "deep/er").mkdir(parents=True)
    (root / "model").mkdir()
    (root / "empty.bin").write_bytes(b"")
    (root / "ünï cödé 한글.txt").write_text("héllo\n", encoding="utf-8")
    (root / "percent %41 + plus.txt").write_bytes(b"literal percent\n")
    (root / "deep/er/crlf.csv").write_bytes(b"a,b\r\n1,2\r\n")
    (root / "big.bin").write_bytes(hashlib.sha256(b"seed").digest() * 10_000)
    (root / "model/MLmodel").write_text(
        "artifact_path: model\nflavors:\n  python_function:\n"
        "    loader_module: mlflow.sklearn\n    model_path: model.pkl\n"
        f"mlflow_version: {mlflow.__version__}\nrun_id: {run_id}\n"
    )
    (root / "model/model.pkl").write_bytes(b"no pickle, only bytes\x00\xff")
    client.log_artifacts(run_id, str(root))
    shutil.rmtree(str(root))


def location(name):
    return None if IS_FILES else (PLACE / "artifacts" / name).as_uri()


def make_history(client):
    client.list_experiments() if VERSION < (1, 30) else client.search_runs(["0"])
    hard_name = "hard/names: 한글 & %" + ("" if IS_FILES else " 'quotes'")
    hard = client.create_experiment(hard_name, artifact_location=location("hard"))
    plain = client.create_experiment("plain", artifact_location=location("plain"))
    gone = client.create_experiment("gone", artifact_location=location("gone"))
    client.set_experiment_tag(hard, "mlflow.note.content", "# Note\n*markdown*")
    client.set_experiment_tag(hard, "team", "vision")

    parent = begin(client, hard, T0, "parent", {"mlflow.user": "ada"})
    logged = list(points())
    client.log_batch(parent, metrics=logged[:30])
    client.log_batch(parent, metrics=logged[30:])
    longest = 250 if VERSION < (2, 0) else 500 if VERSION < (2, 8) else 6000
    client.log_batch(
        parent,
        params=[
            Param("lr", "0.010"),
            Param("empty", ""),
            Param("long", "p" * longest),
            Param("json", '{"a": [1, 2.50]}'),
            Param("a/b.c d-e_f", "한글 \n newline"),
        ],
        tags=[
            RunTag("mlflow.note.content", "run note"),
            RunTag("mlflow.source.name", "C:\\work\\train.py"),
            RunTag("long", "t" * 5000),
            RunTag("empty", ""),
        ],
    )
    attempt("artifacts", lambda: write_files(parent, client))
    for number in range(2):
        links = {"mlflow.parentRunId": parent, "mlflow.user": "bob"}
        child = begin(client, hard, T0 + 10_000 + number, f"child {number}", links)
        client.log_metric(child, "acc", 0.5 + number / 10, T0 + 10_500, 1)
        client.log_param(child, "n", number)
        client.set_terminated(child, "FINISHED", end_time=T0 + 11_000 + number)
    client.set_terminated(parent, "FINISHED", end_time=T0 + 90_000)

    for status, ended in (("FAILED", T0 + 20_500), ("KILLED", T0 + 30_500)):
        run = client.create_run(plain, start_time=ended - 500).info.run_id
        end = partial(client.set_terminated, run, status, end_time=ended)
        attempt(status, end)  # some of 1.x refuse KILLED in a store of SQLite
    client.create_run(plain, start_time=T0 + 40_000, tags={"state": "running"})
    dropped = client.create_run(plain, start_time=T0 + 50_000).info.run_id
    client.log_metric(dropped, "acc", 0.1, T0 + 50_001, 0)
    client.set_terminated(dropped, "FINISHED", end_time=T0 + 50_500)
    client.delete_run(dropped)
    inside = client.create_run(gone, start_time=T0 + 60_000).info.run_id
    client.log_param(inside, "in", "a deleted experiment")
    client.set_terminated(inside, "FINISHED", end_time=T0 + 60_500)
    client.delete_experiment(gone)

    attempt("registry", lambda: make_models(client, parent))
    attempt("dataset input", lambda: make_inputs(client, parent))
    attempt("logged model", lambda: make_logged_model(client, hard, parent))


def make_models(client, run):
    name = "risk model (é)"
    try:
        client.create_registered_model(
            name, tags={"owner": "ada"}, description="first\nsecond line"
        )
    except TypeError:
        client.create_registered_model(name)
    source = client.get_run(run).info.artifact_uri + "/model"
    for number in ("1", "2", "3", "4"):
        of = run if number != "3" or VERSION < (1, 13) else None
        try:
            client.create_model_version(name, source, run_id=of, tags={"n": number})
        except TypeError:
            client.create_model_version(name, source, of)
        client.update_model_version(name, number, description="version " + number)
    for number, stage in (("1", "Archived"), ("2", "Production"), ("3", "Production")):
        if VERSION < (1, 9):
            client.update_model_version(name, number, stage=stage)
        else:
            client.transition_model_version_stage(name, number, stage)
    client.delete_model_version(name, "4")
    attempt("alias", lambda: client.set_registered_model_alias(name, "champion", "2"))
    attempt("alias", lambda: client.set_registered_model_alias(name, "héro-1", "1"))
    client.create_registered_model("empty")
    client.create_registered_model("old name")
    client.rename_registered_model("old name", "new name")


def make_inputs(client, run):
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name="train",
        digest="abc12345",
        source_type="local",
        source='{"uri": "data/train.csv"}',
        schema='{"mlflow_colspec": [{"type": "long", "name": "a"}]}',
        profile='{"num_rows": 3}',
    )
    tag = InputTag(key="mlflow.data.context", value="training")
    client.log_inputs(run, [DatasetInput(dataset=data, tags=[tag])])


def make_logged_model(client, experiment, run):
    model = client.create_logged_model(
        experiment, name="lm", source_run_id=run, tags={"k": "v"}, params={"p": "1"}
    )
    folder = Path(unquote(urlsplit(model.artifact_location).path))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    client.finalize_logged_model(model.model_id, "READY")
    client.log_metric(run, "lm_acc", 0.9, T0, 0, model_id=model.model_id)
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run, [LoggedModelOutput(model.model_id, 4)])
    client.create_model_version(
        "empty", f"models:/{model.model_id}", model_id=model.model_id
    )


class Server:
    """The server of this release, asked without a socket."""

    def __init__(self):
        from mlflow.server import app

        self.client = app.test_client()

    def get(self, route, **query):
        api = API
        if VERSION < (1, 10) and route.startswith(("registered", "model-versions")):
            api = "/api/2.0/preview/mlflow/"
        return self._body(self.client.get(api + route, query_string=query))

    def post(self, route, **fields):
        return self._body(self.client.post(API + route, json=fields))

    @staticmethod
    def _body(answer):
        body = json.loads(answer.get_data(as_text=True))
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP
            raise RuntimeError(str(body))
        return body


def answers(server):
    if VERSION >= (2, 0):
        found = server.post("experiments/search", view_type="ALL", max_results=100)
    else:
        found = server.get("experiments/list", view_type="ALL")
    experiments = found["experiments"]
    ids = [one["experiment_id"] for one in experiments]
    found = server.post("runs/search", experiment_ids=ids, run_view_type="ALL")
    said = {
        "mlflow": mlflow.__version__,
        "skipped": SKIPPED,
        "experiments": experiments,
        "runs": [run_answer(server, run) for run in found["runs"]],
        "models": attempt("models", lambda: models_answer(server)) or [],
        "versions": attempt("versions", lambda: versions_answer(server)) or [],
    }
    if VERSION >= (3, 0):
        found = server.post("logged-models/search", experiment_ids=ids)
        said["logged_models"] = found.get("models", [])
        for model in said["logged_models"]:
            model["files"] = files_at(model["info"]["artifact_uri"])
    return said


def models_answer(server):
    """Each model by itself: a search gives no aliases in all releases."""
    route = (
        "registered-models/search" if VERSION >= (1, 29) else "registered-models/list"
    )
    found = server.get(route, max_results=100)
    return [
        server.get("registered-models/get", name=one["name"])["registered_model"]
        for one in found["registered_models"]
    ]


def versions_answer(server):
    found = server.get("model-versions/search", max_results=100)
    return [
        server.get("model-versions/get", name=one["name"], version=one["version"])[
            "model_version"
        ]
        for one in found["model_versions"]
    ]


def run_answer(server, run):
    uid = run["info"]["run_id"]
    whole = server.get("runs/get", run_id=uid)["run"]
    pages = {"max_results": 25_000} if VERSION >= (3, 0) else {}
    whole["history"] = {
        metric["key"]: server.get(
            "metrics/get-history", run_id=uid, metric_key=metric["key"], **pages
        )["metrics"]
        for metric in whole["data"].get("metrics", [])
    }
    whole["files"] = files_at(whole["info"]["artifact_uri"])
    return whole


def files_at(uri):
    parts = urlsplit(uri)
    root = Path(unquote(parts.path) if parts.scheme == "file" else uri)
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def main(name):
    started = time.time()
    shutil.rmtree(str(PLACE), ignore_errors=True)
    PLACE.mkdir()
    os.chdir(str(PLACE))
    mlflow.set_tracking_uri(STORE)
    make_history(MlflowClient())
    said = answers(Server())
    (PLACE / "answers.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    with tarfile.open(str(HERE / (name + ".tar.xz")), "w:xz") as packed:
        packed.add(str(PLACE), ".")
    shutil.rmtree(str(PLACE))
    print(name, SKIPPED, f"{time.time() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])
