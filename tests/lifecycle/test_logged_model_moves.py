"""The status of a logged model moves by its table, through the model's method."""

import pytest

from lifecycle.errors import IllegalModelMove
from lifecycle.models import LoggedModel
from lifecycle.states import LOGGED_MODEL_MOVES, LoggedModelStatus
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.errors import NotFound
from mlops.core.models import AuditEntry
from tests.lifecycle.factories import ExperimentFactory

pytestmark = pytest.mark.django_db


def logged(status=LoggedModelStatus.PENDING):
    model = LoggedModel.begin(NewLoggedModel(ExperimentFactory().pk, "tree"), by=None)
    model.finish(status, by=None)
    assert model.status == status
    return model


def moves():
    entries = AuditEntry.objects.filter(action="finish").order_by("pk")
    return [entry.changes["status"] for entry in entries]


@pytest.mark.parametrize("before", LoggedModelStatus)
@pytest.mark.parametrize("after", LoggedModelStatus)
def test_status_moves_every_way_that_the_table_has(before, after):
    model, told = logged(before), moves()

    model.finish(after, by=None)

    assert after == before or after in LOGGED_MODEL_MOVES[before]
    assert LoggedModel.objects.get().status == after
    assert moves() == told + ([] if before == after else [[before, after]])


@pytest.mark.parametrize("before", LoggedModelStatus)
@pytest.mark.parametrize("after", LoggedModelStatus)
def test_way_that_the_table_has_not_is_no_move(monkeypatch, before, after):
    model, told = logged(before), moves()
    monkeypatch.setitem(LOGGED_MODEL_MOVES, before, frozenset())

    if after == before:
        model.finish(after, by=None)
    else:
        with pytest.raises(IllegalModelMove, match=f"is {before} cannot become"):
            model.finish(after, by=None)

    assert LoggedModel.objects.get().status == before
    assert moves() == told


@pytest.mark.parametrize("after", LoggedModelStatus)
def test_deleted_model_moves_no_more(after):
    model = logged()
    model.delete_softly(by=None)

    with pytest.raises(NotFound):
        model.finish(after, by=None)

    assert moves() == []
    assert LoggedModel.objects.get().status == LoggedModelStatus.PENDING


def test_deleted_twice_is_not_found():
    model = logged()
    model.delete_softly(by=None)

    with pytest.raises(NotFound):
        model.delete_softly(by=None)

    assert AuditEntry.objects.filter(action="delete").count() == 1
