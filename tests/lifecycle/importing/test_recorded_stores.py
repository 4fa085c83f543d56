"""Every recorded store, imported: our server says what its own server said."""

import pytest
from django.apps import apps

from tests.lifecycle.importing.history import (
    NAMES,
    Door,
    assert_same,
    bring_in,
    unpacked,
)
from tests.lifecycle.mlflow.conftest import mlflow, mlflow_as

__all__ = ["mlflow", "mlflow_as"]

pytestmark = pytest.mark.django_db


def row_counts():
    return {model: model._base_manager.count() for model in apps.get_models()}


@pytest.fixture(params=NAMES)
def history(request, tmp_path):
    return unpacked(request.param, tmp_path)


def test_what_the_original_server_said_ours_says(history, mlflow):
    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    assert not report["refused"]
    assert_same(history, Door(mlflow))


def test_a_dry_run_counts_the_same_and_writes_nothing(history):
    before = row_counts()
    planned, _, _ = bring_in(history.source, "--dry-run", artifacts=history.artifacts)
    assert row_counts() == before

    real, _, _ = bring_in(history.source, artifacts=history.artifacts)

    assert planned == real
    assert real["written"]["runs"] == len(history.answers["runs"])


def test_a_second_import_writes_nothing(history):
    bring_in(history.source, artifacts=history.artifacts)
    before = row_counts()

    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    assert report["written"] == {}
    assert row_counts() == before
