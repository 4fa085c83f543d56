import pytest

from tests.core.blobs.makers import MAKERS


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys())
def make_store(request, monkeypatch):
    """Return what makes the store of a folder."""
    return lambda path: request.param(path, monkeypatch)


@pytest.fixture
def store(make_store, tmp_path):
    return make_store(tmp_path / "store")
