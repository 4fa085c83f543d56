"""Ten ways in which a deployment can fail, each beside a version that serves on.

The reconciler, the local target, real processes and the gateway: the new one ends
`failed` with a sentence, every request is answered by the old one meanwhile, and
nothing of the failure is left running or lying about.
"""

import os
import tempfile
from pathlib import Path

import orjson
import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler import Reconciler
from deployments.serving.supervisor import examination
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle import artifacts
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.clients import Clients
from tests.deployments.gateway.process import GatewayProcess
from tests.deployments.stack import ended
from tests.deployments.targets import models
from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.django_db

MODEL = "type('M', (), {'n_features_in_': 4, 'predict': lambda self, rows: %s})()"
HANGS = MODEL % "__import__('time').sleep(600)"
# Only the process that validates has a limit of processor time.
DIES_WHERE_IT_SERVES = (
    "__import__('resource').getrlimit(0)[0] < 0 and __import__('os').kill("
    f"__import__('os').getpid(), 9) or {MODEL % 'rows[:, 0]'}"
)


def new_version(model, content=None):
    content = content or models.onnx_bytes(1)
    return VersionFactory(model=model, version="2", content=content)


def missing(model):
    version = new_version(model)
    artifacts.file_path(version.artifact).unlink()
    return version


def changed(model):
    version = new_version(model)
    with artifacts.file_path(version.artifact).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    return version


def truncated(model):
    version = new_version(model)
    os.truncate(artifacts.file_path(version.artifact), 100)
    return version


def crashing_when_loaded(model):
    return new_version(model, models.evil_bytes("import os; os.kill(os.getpid(), 11)"))


def hanging_when_loaded(model):
    return new_version(model, models.evil_bytes("import time; time.sleep(600)"))


def hanging_when_asked(model):
    return new_version(model, models.pickled(HANGS))


def answering_wrongly(model):
    version = new_version(model)
    rows = models.iris()[0][:1].tolist()
    given = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": rows}
    answer = {"name": "label", "shape": [1], "datatype": "INT64", "data": [2]}
    golden = orjson.dumps({"inputs": [given], "outputs": [answer]})
    artifacts.save(version.run, "model.onnx.golden.json", [golden], by=None)
    return version


def too_large(model):
    return new_version(model, models.evil_bytes("x = bytearray(4 << 30)"))


def dead_behind_its_socket(model):
    return new_version(model, models.pickled(DIES_WHERE_IT_SERVES))


KINDS = {
    missing: "missing from the store",
    changed: "checksum",
    truncated: "100 bytes",
    crashing_when_loaded: "SIGSEGV",
    hanging_when_loaded: "hangs",
    hanging_when_asked: "hangs",
    answering_wrongly: "but 2 is stored",
    too_large: "too little memory",
    dead_behind_its_socket: "The model server was killed by SIGKILL",
    new_version: "no instance type 'gone'",
}


@pytest.fixture(scope="module")
def data_dir():
    """Return a short folder: sockets have to fit into it."""
    with tempfile.TemporaryDirectory(prefix="fd-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def target(data_dir):
    with LocalTarget(data_dir) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(target, data_dir):
    made = GatewayProcess(data_dir)
    yield made
    made.close()


@pytest.fixture
def reconciler(target, data_dir, settings):
    settings.OPEN_MODE = True
    EnvironmentRule.objects.update_or_create(
        environment="staging", defaults={"allows_pickle": True}
    )
    return Reconciler(dict.fromkeys(Environment.values, target), folder=data_dir)


@pytest.fixture
def old(reconciler, target):
    """Return what serves; it is taken away at the end."""
    version = VersionFactory(version="1", content=models.onnx_bytes())
    served = Deployment.request(version, "staging", by=None)
    assert ended(reconciler, served).status == Status.ACTIVE
    yield served
    served.terminate(by=None)
    until(lambda: reconciler.once() and not target.list())


def left(data_dir):
    """Return all files that the target keeps, except logs."""
    files = {path for path in (data_dir / "run").rglob("*") if not path.is_dir()}
    return {path for path in files if path.parent.name not in {"logs", "gateways"}}


def processes(target):
    zygote = target._zygote._process.pid
    return Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()


@pytest.fixture(autouse=True)
def _impatience(kind, monkeypatch):
    """Give hanging models less time than they get otherwise."""
    if "hanging" in kind.__name__:
        monkeypatch.setattr(examination, "LIMIT_S", 3.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_fails_with_a_sentence_while_the_old_one_answers(
    kind, old, reconciler, gateway
):
    target = reconciler.targets["staging"]
    until(lambda: len(processes(target)) == 1)
    files_before, process_before = left(gateway.data_dir), processes(target)
    model = old.slot.model
    path = f"/serving/staging/{model}/v2/models/{model}/infer"

    with Clients(gateway, path, count=1) as clients:
        until(lambda: clients.sent)
        new = Deployment.request(kind(model), "staging", by=None)
        if kind is new_version:
            Deployment.objects.filter(pk=new.pk).update(instance_type="gone")
        ended(reconciler, new)
        answered = clients.sent + 10
        until(lambda: clients.sent > answered)

    assert new.status == Status.FAILED
    assert KINDS[kind] in new.error_message
    assert clients.statuses.keys() == {200}, clients.errors
    assert clients.versions == [["1"]]
    until(lambda: reconciler.once() and target.list() == [str(old.pk)])
    until(lambda: processes(target) == process_before)
    until(lambda: left(gateway.data_dir) == files_before)
