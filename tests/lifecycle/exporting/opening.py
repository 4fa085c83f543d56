"""`mlflow server` on an exported store."""

import os
import subprocess
import time
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.ports import free_port

READY_S = 240


@contextmanager
def opened(python, folder):
    """Run the server on a store; yield its address."""
    port = free_port()
    command = [
        *(str(python), "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", f"{folder}/artifacts"),
    ]
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(f"http://127.0.0.1:{port}", process, folder)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def _wait(url, process, folder):
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{url}/health"):  # noqa: S310
                return
        except (URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail((folder / "server.log").read_text()[-4000:])
