"""What serves by older rules is asked under the newest; its detail says so."""

import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler.reconciler import REST_S, SOON_S
from deployments.serving import readings
from lifecycle import artifacts
from lifecycle.models import ModelVersion
from tests.deployments.factories import VersionFactory, served
from tests.deployments.targets import folders
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"
VERSION = "older"


@pytest.fixture
def older():
    """Return what serves since before an upgrade."""
    deployment = served(VersionFactory(version=VERSION))
    deployment.reading = readings.FIRST
    deployment.save(update_fields=["reading"])
    return deployment


def reading_of(api, deployment):
    return api().get(f"{HOME}/{deployment.pk}").json()["reading"]


def comparisons(target):
    return [verb for verb, _ in target.calls if verb == "compare"]


def test_a_difference_is_told_in_the_detail(api, reconciler, target, older):
    target.script(VERSION, difference="'predict' would be 1, not 0.7, to a row")

    reconciler.once()

    told = reading_of(api, older)
    assert told["differences"] == ["'predict' would be 1, not 0.7, to a row"]
    assert told["notes"][0].endswith("'predict' would be 1, not 0.7, to a row.")


def test_that_nothing_differs_is_told_with_what_was_asked(api, reconciler, older):
    reconciler.once()

    told = reading_of(api, older)
    assert told["differences"] == []
    assert "1 requests were asked under both" in told["notes"][0]


def test_what_cannot_be_compared_is_said_to_be_unknown(api, reconciler, target, older):
    target.script(VERSION, incomparable="it was killed")

    reconciler.once()

    told = reading_of(api, older)
    assert told["differences"] is None
    assert told["notes"][-1].endswith("is not known: it was killed")


def test_before_it_was_asked_that_is_said(api, older):
    told = reading_of(api, older)

    assert told["differences"] is None
    sentence = f"This model was not yet asked under revision {readings.NEWEST}."
    assert told["notes"][-1] == sentence


def test_each_is_asked_once_and_none_that_is_new(api, reconciler, target, clock, older):
    new = served(VersionFactory())
    for _ in range(5):
        reconciler.once()
        clock.now += 60

    assert len(comparisons(target)) == 1
    told = reading_of(api, new)
    assert (told["differences"], told["notes"]) == ([], [])


def test_all_are_asked_one_a_pass_and_then_none_for_a_minute(
    reconciler, target, clock, older
):
    second = served(VersionFactory())
    Deployment.objects.filter(pk=second.pk).update(reading=readings.FIRST)
    due = [reconciler.once().due_s for _ in range(4)]

    assert [pk for verb, pk in target.calls if verb == "compare"] == [
        str(older.pk),
        str(second.pk),
    ]
    assert due == [SOON_S, SOON_S, REST_S, REST_S]


def test_a_folder_of_code_is_not_asked_as_no_rule_touches_it(api, reconciler, target):
    run = RunFactory()
    for path, content in folders.contents().items():
        artifacts.save(run, f"model/{path}", [content], by=None)
    EnvironmentRule.objects.update(allows_pickle=True)
    version = ModelVersion.register("m", by=None, run=run, artifact_path="model")
    deployment = served(version)
    Deployment.objects.filter(pk=deployment.pk).update(reading=readings.FIRST)

    reconciler.once()

    told = reading_of(api, deployment)
    assert comparisons(target) == []
    assert told["differences"] == []
    assert "do not touch this model: it is code" in told["notes"][0]


def test_while_a_version_is_validated_none_is_asked(reconciler, target, clock, older):
    new = VersionFactory()
    target.script(new.version, validation_calls=10**6)
    Deployment.request(new, "development", by=None)
    reconciler.once()
    target.calls.clear()
    clock.now += 60

    reconciler.once()

    assert comparisons(target) == []


def test_trouble_leaves_it_for_a_later_minute(api, reconciler, target, clock, older):
    target.error = "no room"
    assert reconciler.once().is_leader
    target.error = ""

    reconciler.once()
    early = reading_of(api, older)["differences"]
    clock.now += 60
    reconciler.once()

    assert (early, reading_of(api, older)["differences"]) == (None, [])


@pytest.fixture
def upgrade(monkeypatch):
    """Return what installs one more revision of the rules."""
    newer = readings.NEWEST + 1

    def install():
        monkeypatch.setattr(readings, "NEWEST", newer)
        monkeypatch.setitem(readings.CHANGES, newer, "It does more.")

    return install


def test_newer_rules_ask_again(api, reconciler, clock, older, upgrade):
    reconciler.once()
    upgrade()

    before = reading_of(api, older)
    clock.now += 60
    reconciler.once()

    assert before["differences"] is None
    assert reading_of(api, older)["differences"] == []
