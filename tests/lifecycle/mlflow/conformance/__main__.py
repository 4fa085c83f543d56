"""MLflow's own tests against this server; what fails is asked of MLflow's as well.

    python -m tests.lifecycle.mlflow.conformance CHECKOUT --client PYTHON
        [--mlflow PYTHON ...] [--into FOLDER] [--only FILE ...] [-k WORDS]

`CHECKOUT` has MLflow's `mlflow/` and `tests/`, `--client` an interpreter with what
they import, each `--mlflow` one whose `mlflow server` is asked. What passes here,
and what fails here and passes on all of those, counts; the latter is printed. Outcomes
are kept in the folder by server and file, and are not asked for again.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.foreign import HERE
from bench.mlflow.client import version_of
from bench.mlflow.servers import Server, ours, set_password, theirs
from bench.printing import say

FILES = (
    "tests/tracking/fluent/test_fluent.py",
    "tests/tracking/test_tracking.py",
    "tests/tracking/test_rest_tracking.py",
    "tests/store/tracking/sqlalchemy_store/test_sqlalchemy_store.py",
    "tests/tracking/test_model_registry.py",
    "tests/store/model_registry/test_sqlalchemy_store.py",
    "tests/tracking/test_mlflow_artifacts.py",
)
NAME, PASSWORD = "bench", "a long word of the tests"
TEST_S = 120


def main() -> None:
    options = _options()
    options.into.mkdir(parents=True, exist_ok=True)
    here = _outcomes(options, "ours", None, {file: [file] for file in options.only})
    failed = {
        file: [one for one in here if here[one] == "failed" and one.startswith(file)]
        for file in options.only
    }
    there = [
        _outcomes(options, f"mlflow-{version_of(python)}", python, failed)
        for python in options.mlflow
    ]
    passed_in_all = 0
    missed_in_all = 0
    for file in options.only:
        missed = [
            one
            for one in failed[file]
            if all(found.get(one) == "passed" for found in there)
        ]
        passed = sum(here[one] == "passed" for one in here if one.startswith(file))
        for name in missed:
            say(name)
        say(f"{passed} of {passed + len(missed)}: {file}")
        passed_in_all += passed
        missed_in_all += len(missed)
    say(f"{passed_in_all} of {passed_in_all + missed_in_all}")


def _outcomes(
    options: argparse.Namespace,
    name: str,
    python: Path | None,
    tests: dict[str, list[str]],
) -> dict[str, str]:
    """Return what became of each test, asked file by file."""
    folder = options.into / name
    kept = {
        file: folder / f"{file.replace('/', '-')}.json" for file in tests if tests[file]
    }
    lacking = [file for file in kept if not kept[file].exists()]
    if lacking:
        shutil.rmtree(folder / "store", ignore_errors=True)
        (folder / "store").mkdir(parents=True)
        with _server(folder / "store", python) as (server, store, files):
            for file in lacking:
                say(f"{name}: {file} …")
                _ask(options, server, (store, files), tests[file], kept[file])
    found: dict[str, str] = {}
    for place in kept.values():
        found |= json.loads(place.read_text())
    return found


@contextmanager
def _server(folder: Path, python: Path | None) -> Iterator[tuple[Server, Path, Path]]:
    """Run a server; yield it with its database and its folder of files."""
    if python:
        with theirs(python, folder) as server:
            yield server, folder / "mlflow.db", folder / "artifacts"
        return
    with ours(folder, threads=4) as server:
        set_password(folder, PASSWORD)
        yield server, folder / "mlops.sqlite3", folder / "artifacts"


def _ask(
    options: argparse.Namespace,
    server: Server,
    places: tuple[Path, Path],
    tests: list[str],
    outcomes: Path,
) -> None:
    store, files = places
    empty, netrc = store.with_name("empty"), store.with_name("netrc")
    if not empty.exists():
        with (
            closing(sqlite3.connect(store)) as live,
            closing(sqlite3.connect(empty)) as to,
        ):
            live.backup(to)
    netrc.write_text(f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"\n')
    netrc.chmod(0o600)
    env = {
        "PATH": f"{options.client.parent}:{os.environ['PATH']}",
        "HOME": str(options.into),
        "PYTHONPATH": f"{Path(__file__).parent}:{options.checkout}",
        "SERVER_URL": f"http://127.0.0.1:{server.port}",
        "SERVER_STORE": str(store),
        "SERVER_EMPTY": str(empty),
        "SERVER_FILES": str(files),
        "SERVER_OUTCOMES": str(outcomes),
        "NETRC": str(netrc),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [options.client, "-m", "pytest", "-p", "over_http", "-q", "--tb=short"]
    with outcomes.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [*command, *tests, f"--timeout={TEST_S}", "-k", options.k],
            check=False,
            cwd=options.checkout,
            env=env,
            stdout=log,
            stderr=log,
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--client", type=Path, required=True)
    parser.add_argument("--mlflow", type=Path, action="append", default=[])
    parser.add_argument("--into", type=Path, default=HERE / "var" / "conformance")
    parser.add_argument("--only", nargs="+", default=FILES)
    parser.add_argument("-k", default="", help="as pytest takes it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
