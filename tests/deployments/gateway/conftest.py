"""A gateway process for a module's tests, and slots with servers behind it."""

import tempfile
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments.serving.publishing import KEYS
from tests.deployments.gateway.process import (
    FakeServer,
    GatewayProcess,
    answers,
    publish,
    publisher_of,
    route,
)


@pytest.fixture(scope="module")
def data_dir():
    """Return a short folder: sockets have to fit into it."""
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def gateway(data_dir):
    made = GatewayProcess(data_dir, "--max-outstanding", "4")
    yield made
    made.close()


@pytest.fixture(scope="module")
def hasty_gateway(data_dir):
    """Return a gateway that soon gives up."""
    made = GatewayProcess(data_dir, "--read-s", "0.5", "--hold-s", "0.2")
    yield made
    made.close()


@pytest.fixture
def keys(data_dir):
    """Return a writer of the keys that open every slot; none is left behind."""

    def write(*digests, is_open=False, readers=()) -> None:
        publisher = publisher_of(data_dir)
        content = {"open": is_open, "digests": list(digests), "readers": list(readers)}
        publisher.put(KEYS, content)
        publisher.settle()

    yield write
    write()


@pytest.fixture
def servers(data_dir):
    """Return a maker of servers, all closed at the end."""
    made = []

    def make(behave=answers) -> FakeServer:
        made.append(FakeServer(data_dir, behave))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def slot(data_dir, servers):
    """Return a maker of slots: `slot(behave, …)`, one server each."""

    def make(*behaviours, version="1") -> SimpleNamespace:
        found = [servers(each) for each in behaviours or (answers,)]
        model, deployment_id = uuid.uuid4().hex, str(uuid.uuid4())
        publish(data_dir, deployment_id, *found, version=version)
        route(data_dir, model, {"deployment_id": deployment_id, "version": version})
        base = f"/serving/staging/{model}"
        return SimpleNamespace(
            model=model,
            id=deployment_id,
            servers=found,
            base=base,
            infer=f"{base}/v2/models/{model}/infer",
        )

    return make
