"""Places that backups are taken of."""

import pytest
from django.conf import settings


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """Let the byte store lie in a folder of this test."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(settings, "DATA_DIR", folder)
    return folder


@pytest.fixture
def target(tmp_path):
    return tmp_path / "backups"
