"""A live stack that serves a model, with JSON logs and a port of the worker."""

import threading
import time
from http.client import HTTPConnection, HTTPException

import pytest

from tests.demo.live import LiveStack
from tests.deployments.gateway.clients import iris_request
from tests.deployments.targets.waiting import until
from tests.ports import free_port

DEPLOYED = """
from deployments.models import Deployment
from tests.deployments.factories import VersionFactory
from tests.deployments.targets.models import onnx_bytes
version = VersionFactory(content=onnx_bytes())
made = Deployment.request(version, "development", by=None)
print(version.model.name, made.pk)
"""


PATIENCE_S = 60.0


class ServingStack(LiveStack):
    """Everything that `make run` starts, and a model of irises in development."""

    def deploy(self):
        name, self.deployment = self.manage("shell", "-v0", "-c", DEPLOYED).split()
        base = f"/serving/development/{name}/v2/models/{name}"
        self.infer = f"{base}/infer"
        until(
            lambda: self.ask("GET", self.serving_port, f"{base}/ready")[0] == 200, 240
        )

    def ask(self, method, port, path, body=None, **headers):
        """Return status, headers and body; status 0 where nobody answers.

        It waits longer than the gateway does: who leaves before has no error counted.
        """
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        token = {"Authorization": f"Bearer {self.tokens['admin']}"}
        try:
            connection.request(method, path, body, headers={**token, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, HTTPException):
            return 0, {}, b""
        finally:
            connection.close()


class Traffic:
    """Calls to the model and reads of the API, until it is stopped."""

    def __init__(self, stack, clients=4):
        self._stack, self._stopping = stack, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        stack, body = self._stack, iris_request()
        while not self._stopping.is_set():
            stack.ask("POST", stack.serving_port, stack.infer, body)
            stack.ask("GET", stack.port, "/api/v1/ml/lifecycle/models")
            time.sleep(0.3)

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    port = free_port()
    made = ServingStack(
        tmp_path_factory.mktemp("live"),
        "--no-demo",
        settings={"MLOPS_WORKER_PORT": str(port), "MLOPS_LOG_FORMAT": "json"},
    )
    made.worker_port = port
    with made.running():
        made.deploy()
        yield made


@pytest.fixture(scope="session")
def traffic(stack):
    made = Traffic(stack)
    yield made
    made.stop()
