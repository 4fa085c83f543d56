"""Which version stood where on a day, and who put it there."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from lifecycle.models import AliasChange, ModelVersion, StageChange
from lifecycle.states import ModelStage
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/ml/lifecycle/models/churn/history"


@pytest.fixture
def past(person):
    """Version 1 staged 3 days ago, archived yesterday; the alias went from 1 to 2."""
    now, by = timezone.now(), person("data scientist")
    first, second = (
        ModelVersion.register("churn", by=by, version=label) for label in "ab"
    )
    for version in (first, second):
        type(version).objects.filter(pk=version.pk).update(
            created_at=now - timedelta(days=5)
        )
    moves = ((ModelStage.STAGING, 3), (ModelStage.ARCHIVED, 1))
    for stage, days in moves:
        first.move_to_stage(stage, by=by, reason=f"{days} days ago")
        change = StageChange.objects.order_by("pk").last()
        _at(change, now - timedelta(days=days))
    for version, days in ((first, 4), (second, 2)):
        first.model.set_alias("champion", version, by=by)
        _at(AliasChange.objects.order_by("pk").last(), now - timedelta(days=days))
    return now


def _at(change, moment):
    type(change).objects.filter(pk=change.pk).update(changed_at=moment)


def history(api, past, **ago):
    moment = (past - timedelta(**ago)).isoformat()
    return api("viewer").get(ADDRESS, {"at": moment}).json()


def test_the_stage_of_a_day_is_the_last_move_before_it(api, past):
    stages = [
        {one["version"]: one["stage"] for one in history(api, past, days=ago)["stages"]}
        for ago in (4, 2, 0)
    ]

    assert [stage["a"] for stage in stages] == ["experimental", "staging", "archived"]
    assert {stage["b"] for stage in stages} == {"experimental"}


def test_an_alias_of_a_day_names_version_person_and_since_when(api, past):
    then = history(api, past, days=3)["aliases"]
    now = history(api, past, days=0)["aliases"]

    assert [(one["alias"], one["version"]) for one in then] == [("champion", "a")]
    assert [(one["version"], one["changed_by"]) for one in now] == [
        ("b", "data-scientist")
    ]


def test_what_led_there_is_told_newest_first(api, past):
    changes = history(api, past, days=0)["changes"]

    assert [one["kind"] for one in changes] == ["stage", "alias", "stage", "alias"]
    assert changes[0]["reason"] == "1 days ago"
    assert "before" not in changes[-1]


def test_before_the_model_there_was_nothing(api, past):
    empty = history(api, past, days=9)

    assert (empty["stages"], empty["aliases"], empty["changes"]) == ([], [], [])


def test_a_date_is_the_end_of_that_day(api, person):
    version = ModelVersion.register("churn", by=person("data scientist"), version="a")
    dawn = datetime(2026, 1, 5, tzinfo=UTC)
    ModelVersion.objects.filter(pk=version.pk).update(created_at=dawn)
    version.move_to_stage(ModelStage.STAGING, by=None, reason="")
    _at(StageChange.objects.get(), dawn.replace(hour=15))

    def stages(at):
        return api("viewer").get(ADDRESS, {"at": at}).json()["stages"]

    assert stages("2026-01-04") == []
    assert [one["stage"] for one in stages("2026-01-05T12:00:00Z")] == ["experimental"]
    assert [one["stage"] for one in stages("2026-01-05")] == ["staging"]


@pytest.mark.parametrize("at", ["", "yesterday", "2026-13-01", "2026-13-01T00:00:00Z"])
def test_a_moment_that_is_none_is_a_bad_query(api, past, at):
    assert api("viewer").get(ADDRESS, {"at": at}).status_code == 400


def test_no_version_is_called_history(api, past):
    answer = api("data scientist").post(
        "/api/v1/ml/lifecycle/models",
        {"model_name": "churn", "version": "history", "run_id": RunFactory().uid},
    )

    assert answer.status_code == 422
    assert "reserved" in answer.json()["detail"]
