"""A local target with its zygote, shared by a module's tests."""

import pytest

from deployments.targets.local import LocalTarget
from tests.deployments.targets import models


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Return a local target; at the end nothing of it may be left."""
    data_dir = tmp_path_factory.mktemp("data")
    target = LocalTarget(data_dir)
    yield target
    target.close(stop_all=True)
    assert not list((data_dir / "run" / "instances").iterdir())
    assert not list((data_dir / "run").glob("*.sock"))
    assert not list((data_dir / "run" / "backends").iterdir())


@pytest.fixture
def made(tmp_path):
    """Return a maker of specs from bytes: `made(content, allows_code=True)`."""

    def make(content=None, *, file=None, **fields):
        content = models.onnx_bytes() if content is None else content
        file = file or models.stored(tmp_path, content)
        return models.spec_of(file, **fields)

    return make


@pytest.fixture
def good(made):
    return made()


@pytest.fixture
def bad(made):
    return made(models.onnx_bytes()[:-100])
