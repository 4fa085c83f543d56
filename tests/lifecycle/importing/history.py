"""Recorded stores: unpacked, imported, and compared with what their servers said."""

import io
import json
import os
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.management import CommandError, call_command

from lifecycle.models import Artifact
from tests.lifecycle.mlflow.conftest import MlflowClient

STORES = Path(__file__).with_name("stores")
NAMES = sorted(path.name.removesuffix(".tar.xz") for path in STORES.glob("*.tar.xz"))
ADDED = "mlops.import."
NUMBERS = {
    *("start_time", "end_time", "timestamp", "step", "creation_time"),
    *("last_update_time", "creation_timestamp", "last_updated_timestamp"),
}


@dataclass
class History:
    """A recorded store on the disk, and the answers of its own server."""

    folder: Path
    answers: dict

    @property
    def source(self):
        files = self.folder / "mlruns"
        store = self.folder / "store.db"
        return f"sqlite:///{store}" if store.exists() else str(files)

    @property
    def artifacts(self):
        return self.folder / "artifacts"


def unpacked(name, folder):
    with tarfile.open(STORES / f"{name}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    (folder / "artifacts").mkdir(exist_ok=True)
    said = json.loads((folder / "answers.json").read_text(), object_hook=numbers)
    hide_with_experiments(said)
    return History(folder, said)


def numbers(message):
    """Return whole numbers as numbers; releases before 2.0 say them as texts."""
    return {
        key: int(value) if key in NUMBERS and isinstance(value, str) else value
        for key, value in message.items()
    }


def hide_with_experiments(said):
    """Releases before 2.0 leave runs of a deleted experiment; ours go along."""
    gone = {
        one["experiment_id"]
        for one in said["experiments"]
        if one["lifecycle_stage"] == "deleted"
    }
    for one in said["runs"]:
        if one["info"]["experiment_id"] in gone:
            one["info"]["lifecycle_stage"] = "deleted"


def bring_in(source, *options, artifacts=None):
    """Run the command and return its report and whether it ended well."""
    places = ["--artifacts", str(artifacts)] if artifacts else []
    out, report = io.StringIO(), Path(os.environ["MLOPS_TEST_DIR"], "report.json")
    ended_well = False
    with suppress(CommandError):
        call_command(
            "import_mlflow",
            source,
            *places,
            *options,
            "--report",
            str(report),
            stdout=out,
            stderr=out,
        )
        ended_well = True
    found = json.loads(report.read_text()) if report.exists() else {}
    report.unlink(missing_ok=True)
    return found, ended_well, out.getvalue()


class Door:
    """What our MLflow API says of a history, in the form of the recorded answers."""

    def __init__(self, mlflow: MlflowClient):
        self.mlflow = mlflow

    def experiments(self):
        found = self.mlflow.ok("experiments/search", view_type="ALL", max_results=1000)
        return found["experiments"]

    def runs(self, ids):
        found = self.mlflow.ok(
            "runs/search", experiment_ids=ids, run_view_type="ALL", max_results=1000
        )
        return found.get("runs", [])

    def history(self, run, key):
        found = self.mlflow.get("metrics/get-history", run_id=run, metric_key=key)
        return found.body["metrics"]

    def models(self):
        found = self.mlflow.get("registered-models/search", max_results=100)
        return found.body.get("registered_models", [])

    def versions(self):
        found = self.mlflow.get("model-versions/search", max_results=1000)
        return found.body.get("model_versions", [])

    def logged_models(self, ids):
        found = self.mlflow.ok("logged-models/search", experiment_ids=ids)
        return found.get("models", [])

    def files_of_run(self, message):
        return files(run__uid=message["info"]["run_id"])

    def files_of_model(self, message):
        return files(logged_model=message["info"]["model_id"])


def assert_same(history, door):
    """Compare everything that the original server said with what another one says."""
    said = history.answers
    ours = {one["name"]: one for one in door.experiments()}
    assert {one["name"] for one in said["experiments"]} == set(ours)
    ids = {}
    for one in said["experiments"]:
        found = ours[one["name"]]
        ids[one["experiment_id"]] = found["experiment_id"]
        assert experiment(found, one) == experiment(one, one)
    runs = {one["info"]["run_id"]: one for one in door.runs(list(ids.values()))}
    assert set(runs) == {one["info"]["run_id"] for one in said["runs"]}
    for one in said["runs"]:
        found = runs[one["info"]["run_id"]]
        assert run(found, one, {}) == run(one, one, ids)
        assert points(door, one) == {
            key: as_set(values) for key, values in one["history"].items()
        }
        assert door.files_of_run(found) == one["files"]
    moves = moved_addresses(said["runs"], runs)
    assert_models(door, said, moves)
    assert_logged_models(door, said, ids)


def assert_models(door, said, moves):
    ours = {one["name"]: one for one in door.models()}
    assert set(ours) == {one["name"] for one in said["models"]}
    for one in said["models"]:
        assert model(ours[one["name"]]) == model(one)
    ours = {(one["name"], one["version"]): one for one in door.versions()}
    assert set(ours) == {(one["name"], one["version"]) for one in said["versions"]}
    for one in said["versions"]:
        found = ours[one["name"], one["version"]]
        assert version(found, {}) == version(one, moves)


def assert_logged_models(door, said, ids):
    wanted = said.get("logged_models", [])
    ours = {one["info"]["model_id"]: one for one in door.logged_models([*ids.values()])}
    assert set(ours) == {one["info"]["model_id"] for one in wanted}
    for one in wanted:
        found = ours[one["info"]["model_id"]]
        assert logged_model(found, {}) == logged_model(one, ids)
        assert door.files_of_model(found) == one["files"]


def experiment(message, told):
    times = ("creation_time", "last_update_time")
    return {
        "name": message["name"],
        "stage": message["lifecycle_stage"],
        "tags": tags(message),
        "times": [message[name] for name in times if name in told],
    }


def run(message, told, ids):
    """Return a run without its address, which is another here."""
    info = dict(message["info"])
    info.pop("artifact_uri")
    info["experiment_id"] = ids.get(info["experiment_id"], info["experiment_id"])
    if "run_name" not in told["info"]:
        info.pop("run_name", None)
    data = message.get("data", {})
    inputs = message.get("inputs", {}).get("dataset_inputs", [])
    outputs = message.get("outputs", {}).get("model_outputs", [])
    return {
        "info": {key: value for key, value in info.items() if value not in ("", None)},
        "params": {one["key"]: one["value"] for one in data.get("params", [])},
        "metrics": {one["key"]: point(one) for one in data.get("metrics", [])},
        "tags": tags(data),
        "inputs": as_set(inputs),
        "outputs": {one["model_id"]: one.get("step", 0) for one in outputs},
    }


def points(door, told):
    uid = told["info"]["run_id"]
    return {key: as_set(door.history(uid, key)) for key in told["history"]}


def point(message):
    """Return a point without what some releases repeat in it."""
    names = ("key", "value", "timestamp", "step")
    return plain({name: message.get(name, 0) for name in names})


def model(message):
    aliases = {one["alias"]: str(one["version"]) for one in message.get("aliases", [])}
    return {
        **{key: message.get(key) for key in ("name", "creation_timestamp")},
        "last_updated_timestamp": message.get("last_updated_timestamp"),
        "description": message.get("description", ""),
        "tags": tags(message),
        "aliases": aliases,
        "latest": {
            one["current_stage"]: one["version"]
            for one in message.get("latest_versions", [])
        },
    }


def version(message, moves):
    source = message["source"]
    for there, here in moves.items():
        source = source.replace(there, here)
    names = (
        *("name", "version", "creation_timestamp", "last_updated_timestamp"),
        *("current_stage", "status"),
    )
    return {
        **{name: message[name] for name in names},
        "description": message.get("description", ""),
        "run_id": message.get("run_id", ""),
        "source": source,
        "tags": tags(message),
        "aliases": sorted(message.get("aliases", [])),
    }


def logged_model(message, ids):
    info, data = dict(message["info"]), message.get("data", {})
    info.pop("artifact_uri")
    info["experiment_id"] = ids.get(info["experiment_id"], info["experiment_id"])
    info["tags"] = tags(info)
    return {
        "info": info,
        "params": {one["key"]: one["value"] for one in data.get("params", [])},
        "metrics": as_set(data.get("metrics", [])),
    }


def moved_addresses(told, ours):
    """Return the address that each run has here, by that which it had."""
    return {
        one["info"]["artifact_uri"]: ours[one["info"]["run_id"]]["info"]["artifact_uri"]
        for one in told
    }


def files(**owner):
    rows = Artifact.objects.filter(**owner, is_stored=True)
    return dict(rows.values_list("path", "sha256"))


def tags(message):
    return {
        one["key"]: one["value"]
        for one in message.get("tags", [])
        if not one["key"].startswith(ADDED)
    }


def as_set(messages):
    return sorted(json.dumps(plain(one), sort_keys=True) for one in messages)


def plain(message):
    """Return a point with the same fields whichever release says it."""
    if "timestamp" not in message:
        return message
    shown = {**message, "step": message.get("step", 0)}
    if shown["value"] == 0:
        shown["value"] = 0.0  # SQLite keeps no sign of a zero
    if "model_id" not in shown:
        shown.pop("run_id", None)
    return shown
