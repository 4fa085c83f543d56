"""A plugin for MLflow's own tests: what they start or open is a server that runs.

It is loaded by the interpreter that has MLflow (`-p over_http`) and knows nothing of
this project. `SERVER_URL` is the server; `SERVER_STORE` its SQLite file, which is
overwritten by `SERVER_EMPTY` before each test; `SERVER_FILES` its artifacts' folder.
"""

import contextlib
import importlib
import json
import os
import sqlite3
from pathlib import Path

import mlflow.server.handlers
from mlflow.store.model_registry.rest_store import RestStore as Registry
from mlflow.store.tracking.rest_store import RestStore as Tracking
from mlflow.utils.credentials import get_default_host_creds

URL = os.environ["SERVER_URL"]


class Runs(Tracking):
    """Takes what the SQL store takes and the one over HTTP does not."""

    DEFAULT_EXPERIMENT_ID = "0"

    def create_run(self, experiment_id, user_id, start_time, tags, run_name):
        return super().create_run(
            experiment_id, user_id, start_time, tags or [], run_name
        )


SQL_STORES = {
    "tests.store.tracking.sqlalchemy_store.test_sqlalchemy_store": Runs,
    "tests.store.model_registry.test_sqlalchemy_store": Registry,
}
_WORSE = ("passed", "skipped", "failed")
_outcomes = {}


def empty():
    """Bring the store back to how it was at first, in one transaction."""
    with (
        contextlib.closing(sqlite3.connect(os.environ["SERVER_EMPTY"])) as first,
        contextlib.closing(sqlite3.connect(os.environ["SERVER_STORE"])) as live,
    ):
        first.backup(live)


@contextlib.contextmanager
def running(*_arguments, **_options):
    """In the place of all that starts a server."""
    yield URL


def db_uri():
    empty()
    yield URL


def rest_store(kind):
    def store():
        empty()
        yield kind(lambda: get_default_host_creds(URL))

    return store


def artifacts_server(module):
    def server():
        empty()
        yield module.ArtifactsServer(
            URL,
            f"{URL}/api/2.0/mlflow-artifacts/artifacts",
            os.environ["SERVER_FILES"],
            URL,
            None,
        )

    return server


def pytest_configure(config):
    launching = importlib.import_module("tests.tracking.integration_test_utils")

    launching.ServerThread = launching._init_server = running
    mlflow.server.handlers.initialize_backend_stores = lambda *_a, **_o: None


def pytest_collection_modifyitems(config, items):
    items[:] = [item for item in items if "workspace-enabled" not in item.nodeid]
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs
        kind = SQL_STORES.get(item.module.__name__)
        if kind and "store" in fixtures:
            _replace(fixtures["store"], rest_store(kind))
        if "artifacts_server" in fixtures:
            _replace(fixtures["artifacts_server"], artifacts_server(item.module))
        if "db_uri" in fixtures:
            _replace(fixtures["db_uri"], db_uri)


def _replace(fixtures, function):
    fixtures[-1].func, fixtures[-1].argnames = function, ()


def pytest_runtest_logreport(report):
    _outcomes[report.nodeid] = max(
        _outcomes.get(report.nodeid, "passed"), report.outcome, key=_WORSE.index
    )


def pytest_sessionfinish(session):
    found = json.dumps(_outcomes, indent=1, sort_keys=True)
    Path(os.environ["SERVER_OUTCOMES"]).write_text(found)
