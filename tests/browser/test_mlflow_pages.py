"""Twelve tasks in MLflow's own pages, by a scientist and by a viewer.

The pages are of the version that `requirements-mlflow-ui.txt` names. What a viewer may
not do ends in our sentence, shown by the page.
"""

import json
import struct
import zlib
from contextlib import closing
from itertools import count

import httpx
import pytest

from bench.foreign import NoPackageIndex
from tests.browser import mlflow_build
from tests.browser.driver import Browser, missing
from tests.browser.mlflow_pages import (
    KEY_DOWN,
    KEY_ENTER,
    KEY_ESCAPE,
    MlflowPages,
)
from tests.demo.live import LiveStack

pytestmark = pytest.mark.slow
PASSWORD = "a long word of the tests"
PEOPLE = """
from django.contrib.auth.models import Group
from mlops.core.models import ApiToken, User
for name in ("data scientist", "viewer"):
    user = User.objects.create_user(name, password={password!r})
    user.groups.set(Group.objects.filter(name=name))
print(ApiToken.issue(User.objects.get(username="data scientist"), "tests")[1])
"""
ROLES = ("data scientist", "viewer")
STEPS = 500
MLMODEL = """artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
model_uuid: abc
utc_time_created: '2026-01-01 00:00:00.000000'
"""
FILES = {
    "notes.txt": b"a note",
    "table.csv": b"left,right\n17,23\n",
    "data.json": b'{"key": "of json"}',
    "page.html": b"<h1>A heading</h1>",
    "model/MLmodel": MLMODEL.encode(),
}
number = count(1)


class Store:
    """The stack's store over the protocol, with a scientist's token."""

    def __init__(self, url, token):
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def close(self):
        self._http.close()

    def post(self, route, **body):
        answer = self._http.post(f"/api/2.0/mlflow/{route}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, route, **query):
        answer = self._http.get(f"/api/2.0/mlflow/{route}", params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, run_id, path, content):
        query = {"run_uuid": run_id, "path": path}
        address = "/ajax-api/2.0/mlflow/upload-artifact"
        answer = self._http.post(address, params=query, content=content)
        assert answer.is_success, answer.text

    def study(self):
        """Make an experiment with the runs alpha, beta, gamma; alpha has files."""
        name = f"study {next(number)}"
        study = self.post("experiments/create", name=name)["experiment_id"]
        runs = {
            name: self.run(study, name, size)
            for size, name in enumerate(("alpha", "beta", "gamma"))
        }
        for path, content in {**FILES, "plot.png": png()}.items():
            self.upload(runs["alpha"], path, content)
        model = {"artifact_path": "model", "flavors": {"python_function": {}}}
        made = {"utc_time_created": "2026-01-01 00:00:00.0", "run_id": runs["alpha"]}
        text = json.dumps({**model, **made, "model_uuid": "abc"})
        self.post("runs/log-model", run_id=runs["alpha"], model_json=text)
        return study, runs

    def run(self, study, name, size):
        begun = {"run_name": name, "start_time": 1_700_000_000_000 + size}
        made = self.post("runs/create", experiment_id=study, **begun)
        run_id = made["run"]["info"]["run_id"]
        losses = [
            {"key": "loss", "value": (size + 1) / (at + 1), "step": at, "timestamp": at}
            for at in range(STEPS)
        ]
        acc = {"key": "acc", "value": 0.5 - size / 10, "step": 0, "timestamp": 1}
        depth = {"key": "depth", "value": str(size)}
        self.post(
            "runs/log-batch", run_id=run_id, metrics=[*losses, acc], params=[depth]
        )
        self.post("runs/update", run_id=run_id, status="FINISHED", end_time=1)
        return run_id

    def version(self):
        """Register a model with one version of alpha; return its name."""
        _, runs = self.study()
        name = f"model-{next(number)}"
        self.post("registered-models/create", name=name)
        source = f"runs:/{runs['alpha']}/model"
        new = {"name": name, "source": source, "run_id": runs["alpha"]}
        self.post("model-versions/create", **new)
        return name


def png():
    """Return a small red picture."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * 8) * 8
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            *(chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows))),
            chunk(b"IEND", b""),
        ]
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Yield a stack that has MLflow's pages, and its store."""
    if lacking := missing():
        pytest.skip(lacking)
    try:
        pages = mlflow_build.pages()
    except NoPackageIndex:
        pytest.skip("no package index has MLflow's pages")
    folder, settings = tmp_path_factory.mktemp("pages"), {"MLOPS_MLFLOW_UI": str(pages)}
    with LiveStack(folder, "--no-demo", settings=settings).running() as stack:
        code = PEOPLE.format(password=PASSWORD)
        token = stack.manage("shell", "-v0", "-c", code).split()[-1]
        with closing(Store(stack.url, token)) as store:
            yield stack, store


@pytest.fixture(scope="module")
def windows(live, tmp_path_factory):
    """Yield the browsers of both, signed in by the page that the pages lead to."""
    stack, _ = live
    opened = {}
    for role in ROLES:
        browser = Browser(tmp_path_factory.mktemp("profile"))
        opened[role] = MlflowPages(browser, stack.url)
        opened[role].sign_in(role, PASSWORD)
    yield opened
    for pages in opened.values():
        pages.browser.close()


@pytest.fixture
def store(live):
    return live[1]


@pytest.fixture(params=ROLES)
def reader(request, windows, tmp_path):
    yield windows[request.param]
    windows[request.param].browser.picture(tmp_path / "last.png")


@pytest.fixture
def writer(windows, tmp_path):
    yield windows["data scientist"]
    windows["data scientist"].browser.picture(tmp_path / "last.png")


@pytest.fixture
def viewer(windows, tmp_path):
    yield windows["viewer"]
    windows["viewer"].browser.picture(tmp_path / "last.png")


# Reading, by both --------------------------------------------------------------------
def test_runs_are_listed(reader, store):
    study, _ = store.study()

    reader.open(f"/experiments/{study}")

    reader.lists("gamma", "beta", "alpha")
    reader.sees("3 matching runs", "Model training")
    reader.is_sound()


def test_runs_are_filtered(reader, store):
    study, _ = store.study()
    reader.open(f"/experiments/{study}/runs")
    reader.lists("gamma", "beta", "alpha")

    reader.browser.fill("[data-testid=search-box]", "metrics.acc > 0.35")
    reader.browser.press(KEY_ENTER)

    reader.lists("beta", "alpha")
    reader.is_sound()


def test_runs_are_sorted_by_a_metric(reader, store):
    study, _ = store.study()
    reader.open(f"/experiments/{study}/runs")
    reader.lists("gamma", "beta", "alpha")

    reader.browser.click("[data-testid=sort-select-dropdown]")
    reader.browser.click("[data-testid=sort-select-acc]")

    reader.lists("alpha", "beta", "gamma")
    reader.is_sound()


def test_columns_are_chosen(reader, store):
    study, _ = store.study()
    reader.open(f"/experiments/{study}/runs")
    reader.lists("gamma", "beta", "alpha")

    reader.press("Columns")
    reader.choose("depth")
    reader.browser.press(KEY_ESCAPE)

    reader.has_column("depth")
    reader.is_sound()


def test_runs_are_drawn_as_charts(reader, store):
    study, _ = store.study()
    reader.open(f"/experiments/{study}/runs")
    reader.lists("gamma", "beta", "alpha")

    chart = "document.querySelector('[name=runs-view-mode][value=CHART]')"
    look = f"return {chart}?.closest('label')"
    reader.browser.click_one(lambda: reader.browser.run(look), "charts")

    reader.draws("document.querySelectorAll('.scatterlayer .trace').length >= 3")
    reader.is_sound()


def test_runs_are_compared(reader, store):
    study, _ = store.study()
    reader.open(f"/experiments/{study}/runs")
    reader.lists("gamma", "beta", "alpha")

    reader.tick("alpha", "beta")
    reader.press("Compare")

    reader.sees("Comparing 2 Runs from 1 Experiment", "Run details")
    reader.is_sound()


def test_files_are_shown(reader, store):
    study, runs = store.study()
    reader.open(f"/experiments/{study}/runs/{runs['alpha']}/artifacts")

    for name, text in (
        ("notes.txt", "a note"),
        ("table.csv", "23"),
        ("data.json", '"key": "of json"'),
    ):
        reader.choose(name)
        reader.sees(text)
    reader.choose("page.html")
    reader.draws("document.querySelector('iframe[src^=\"blob:\"]') != null")
    reader.choose("plot.png")
    reader.draws(
        "[...document.querySelectorAll('img')].some(one => one.src.startsWith('blob:')"
        " && one.naturalWidth == 8)"
    )
    reader.is_sound()


# Writing, by the scientist -----------------------------------------------------------
def register(pages, store, name):
    study, runs = store.study()
    pages.open(f"/experiments/{study}/runs/{runs['alpha']}/artifacts")
    pages.press("Register model")
    pages.browser.click("#selectedModel")
    pages.browser.press(KEY_DOWN)
    pages.pick("Create New Model")
    pages.browser.fill("#modelName", name)
    pages.browser.click("[data-testid=confirm-register-model]")
    return runs["alpha"]


def set_alias(pages, name):
    pages.open(f"/models/{name}/versions/1")
    pages.browser.click("[data-component-id*=modelversionviewaliaseditor]")
    look = (
        "return document.querySelector('[role=dialog] .du-bois-light-select-selector')"
    )
    pages.browser.click_one(lambda: pages.browser.run(look), "aliases")
    pages.browser.press(f"champion{KEY_ENTER}")
    pages.press("Save aliases")


def move_to_staging(pages, name):
    pages.open(f"/models/{name}/versions/1")
    pages.sees("Stage")
    if pages.browser.find("[role=switch][aria-checked=true]"):
        pages.browser.click("[data-component-id*=modelsnextuitoggleswitch]")
        pages.press("Disable")
    pages.choose("None")
    pages.choose("Staging")
    pages.browser.click("[data-component-id$='transition_modal_v2.footer.ok']")


def delete(pages, study):
    pages.open(f"/experiments/{study}/runs")
    pages.lists("gamma", "beta", "alpha")
    pages.tick("beta")
    pages.press("Delete")
    pages.press("Delete selected")


def restore(pages, study):
    pages.open(f"/experiments/{study}/runs")
    pages.lists("gamma", "alpha")
    pages.browser.click("[data-testid=lifecycle-filter]")
    pages.choose("Deleted")
    pages.lists("beta")
    pages.tick("beta")
    pages.press("Restore")
    pages.choose("Restore", "[role=dialog]")


def runs_of(store, name):
    """Return the runs that a model's versions came of."""
    found = store.get("model-versions/search", filter=f"name='{name}'")
    return [one["run_id"] for one in found.get("model_versions", [])]


def stage_of(store, name):
    found = store.get("model-versions/get", name=name, version="1")
    return found["model_version"]["current_stage"]


def lifecycle_of(store, run_id):
    return store.get("runs/get", run_id=run_id)["run"]["info"]["lifecycle_stage"]


def test_a_model_is_registered(writer, store):
    name = f"registered-{next(number)}"

    run_id = register(writer, store, name)

    writer.browser.wait(lambda: runs_of(store, name) == [run_id], "the version")
    writer.is_sound()


def test_an_alias_is_set(writer, store):
    name = store.version()

    set_alias(writer, name)

    writer.sees("@\N{NO-BREAK SPACE}champion")
    found = store.get("registered-models/alias", name=name, alias="champion")
    assert found["model_version"]["version"] == "1"
    writer.is_sound()


def test_a_version_is_moved_to_a_stage(writer, store):
    name = store.version()

    move_to_staging(writer, name)

    writer.draws("!document.querySelector('[role=dialog] [loading=true]')")
    writer.browser.wait(lambda: stage_of(store, name) == "Staging", "the stage")
    writer.sees("Staging")
    writer.is_sound()


def test_a_run_is_deleted(writer, store):
    study, runs = store.study()

    delete(writer, study)

    writer.lists("gamma", "alpha")
    assert lifecycle_of(store, runs["beta"]) == "deleted"
    writer.is_sound()


def test_a_run_is_restored(writer, store):
    study, runs = store.study()
    store.post("runs/delete", run_id=runs["beta"])

    restore(writer, study)

    writer.sees("0 matching runs")
    assert lifecycle_of(store, runs["beta"]) == "active"
    writer.is_sound()


# Writing, by the viewer --------------------------------------------------------------
def test_a_viewer_registers_nothing(viewer, store):
    register(viewer, store, f"refused-{next(number)}")

    viewer.is_told("This needs the permission lifecycle.add_registeredmodel.")
    viewer.was_refused("registered-models/create")


def test_a_viewer_sets_no_alias(viewer, store):
    set_alias(viewer, store.version())

    viewer.is_told("This needs the permission lifecycle.change_registeredmodel.")
    viewer.was_refused("registered-models/alias")


def test_a_viewer_moves_no_version(viewer, store):
    name = store.version()

    move_to_staging(viewer, name)

    viewer.is_told("This needs the permission lifecycle.promote_modelversion.")
    assert stage_of(store, name) == "None"
    viewer.was_refused("model-versions/transition-stage")


def test_a_viewer_deletes_no_run(viewer, store):
    study, runs = store.study()

    delete(viewer, study)

    viewer.is_told("This needs the permission lifecycle.delete_run.")
    assert lifecycle_of(store, runs["beta"]) == "active"
    viewer.was_refused("runs/delete")


def test_a_viewer_restores_no_run(viewer, store):
    study, runs = store.study()
    store.post("runs/delete", run_id=runs["beta"])

    restore(viewer, study)

    viewer.is_told("This needs the permission lifecycle.change_run.")
    assert lifecycle_of(store, runs["beta"]) == "deleted"
    viewer.was_refused("runs/restore")
