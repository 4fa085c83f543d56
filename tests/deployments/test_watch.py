"""A word that nobody renews grows old: unwatched, nothing is healthy."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from deployments.gauges import families
from deployments.models import Deployment, Lease
from deployments.models.watch import Watch
from mlops.dashboard import figures
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    served,
)

pytestmark = pytest.mark.django_db
HOME = "/api/v1/ml/lifecycle/deployments"
LIST = reverse("admin:deployments_deployment_changelist")


@pytest.fixture
def healthy():
    return DeploymentFactory(active=True, health="healthy", judged_at=timezone.now())


def seen(seconds_ago):
    """Let a reconciler have looked so long ago."""
    Lease.take("reconciler", "me")
    expires_at = timezone.now() + timedelta(seconds=15 - seconds_ago)
    Lease.objects.update(expires_at=expires_at)


def worth():
    (value,) = (
        sample.value
        for family in families()
        for sample in family.samples
        if sample.name == "mlops_deployment_healthy"
    )
    return value


@pytest.mark.parametrize(("ago", "word"), [(-3600, "healthy"), (16, "degraded")])
def test_every_place_says_the_same(api, admin_client, healthy, ago, word):
    seen(ago)

    detail = api().get(f"{HOME}/{healthy.pk}").json()
    (listed,) = api().get(HOME).json()
    answer = api().get(f"{HOME}/{healthy.pk}/stream?seconds=1")
    streamed = b"".join(answer.streaming_content).decode()

    assert detail["health_status"] == listed["health_status"] == word
    assert detail["is_watched"] == listed["is_watched"] == (word == "healthy")
    assert f'"health_status":"{word}"' in streamed
    assert worth() == (1.0 if word == "healthy" else 0.5)
    assert [one.health for one in figures.serving_now()] == [word]
    assert f">{word}<" in "".join(admin_client.get(LIST).content.decode().split())


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(("ago", "word"), [(-3600, "healthy"), (16, "degraded")])
def test_lists_are_narrowed_by_the_word_that_is_shown(api, admin_client, ago, word):
    seen(ago)

    for asked in ("healthy", "degraded", "unhealthy"):
        found = api().get(HOME, {"health_status": asked}).json()
        rows = admin_client.get(LIST, {"health": asked}).context["cl"].result_count

        assert len(found) == rows == (asked == word)


def test_the_answer_says_since_when_nobody_looks(api, admin_client, healthy):
    seen(3600)
    place = reverse("admin:deployments_deployment_change", args=[healthy.pk])

    detail = api().get(f"{HOME}/{healthy.pk}").json()

    assert detail["health_reason"].startswith("No reconciler has looked since 20")
    assert detail["health_reason"].endswith("UTC; it was healthy then")
    assert detail["judged_at"] is not None
    assert detail["metrics"] is None
    page = admin_client.get(place).content.decode()
    assert "No reconciler has looked since" in page


@pytest.mark.parametrize(
    ("ago", "note"),
    [
        (-3600, "It is to be terminated, and still gets its requests until the"),
        (3600, "It is to be terminated, and still gets its requests. No reconciler"),
    ],
)
def test_an_end_that_has_not_come_is_told_everywhere(
    api, admin_client, healthy, ago, note
):
    seen(ago)
    place = reverse("admin:deployments_deployment_change", args=[healthy.pk])

    answer = api("deployer").post(f"{HOME}/{healthy.pk}/terminate").json()
    detail = api().get(f"{HOME}/{healthy.pk}").json()
    (listed,) = api().get(HOME).json()
    stream = api().get(f"{HOME}/{healthy.pk}/stream?seconds=1")
    streamed = b"".join(stream.streaming_content).decode()

    for told in (answer, detail, listed):
        assert (told["status"], told["ends_as"]) == ("active", "terminated")
        assert told["ends_note"].startswith(note)
    assert '"ends_as":"terminated"' in streamed
    assert "active, to be terminated" in admin_client.get(LIST).content.decode()
    assert note in admin_client.get(place).content.decode()
    home = admin_client.get(reverse("admin:index")).content.decode()
    assert "to be terminated" in home


def test_who_ends_one_in_the_admin_is_told_that_it_has_not_ended(admin_client, healthy):
    chosen = {"action": "terminate", "_selected_action": [healthy.pk]}
    chosen |= {"confirmed": "1", "reason": "too slow"}

    said = admin_client.post(LIST, chosen, follow=True).content.decode()

    assert "It is to be terminated, and still gets its requests. No" in said
    assert "1 done" not in said


def test_what_is_being_undone_says_by_what(api, admin_client):
    seen(-3600)
    first = served(VersionFactory())
    second = served(VersionFactory(model=first.slot.model))
    place = reverse("admin:deployments_deployment_change", args=[second.pk])

    told = (
        api("deployer")
        .patch(f"{HOME}/{second.pk}/status", {"status": "rollback"})
        .json()
    )
    page = admin_client.get(place).content.decode()
    note = "Revision 3 is on its way to undo it, and it serves until then."
    Deployment.objects.get(rollback_from=second).cancel(by=None)
    given_up = api().get(f"{HOME}/{second.pk}").json()

    assert (told["status"], told["ends_as"], told["ends_note"]) == (
        "active",
        None,
        note,
    )
    assert note in page
    assert given_up["ends_note"] == ""


def test_what_has_ended_before_its_rollback_waits_for_none(api, admin_client):
    first = served(VersionFactory())
    second = served(VersionFactory(model=first.slot.model))
    second.roll_back(by=None)
    second.refresh_from_db()
    second.terminate(by=None)
    second.end_as_requested()
    place = reverse("admin:deployments_deployment_change", args=[second.pk])

    shown = api().get(f"{HOME}/{second.pk}").json()

    assert (shown["status"], shown["ends_note"]) == ("terminated", "")
    assert "it serves until then" not in admin_client.get(place).content.decode()


def test_nothing_is_said_of_an_end_that_nobody_asked_for_or_that_came(api, healthy):
    told = api().get(f"{HOME}/{healthy.pk}").json()
    healthy.terminate(by=None)
    healthy.end_as_requested()
    ended = api().get(f"{HOME}/{healthy.pk}").json()

    assert (told["ends_as"], told["ends_note"], told["is_promoted"]) == (
        None,
        "",
        False,
    )
    assert (ended["status"], ended["ends_as"]) == ("terminated", None)
    assert ended["ends_note"] == ""


def test_where_none_ever_looked_that_is_said(api, healthy):
    detail = api().get(f"{HOME}/{healthy.pk}").json()

    assert detail["health_status"] == "degraded"
    assert detail["health_reason"].startswith("No reconciler has looked yet")
    assert detail["metrics"] is None


def test_one_that_went_in_an_orderly_way_was_there_until_then():
    before = timezone.now()
    Lease.take("reconciler", "me").release()

    assert before <= Watch.read().seen_at <= timezone.now()


def test_what_has_ended_or_does_not_serve_yet_says_that(api):
    seen(3600)
    ended = DeploymentFactory(status="terminated", health="unhealthy")
    coming = DeploymentFactory(status="validating")

    over = api().get(f"{HOME}/{ended.pk}").json()
    early = api().get(f"{HOME}/{coming.pk}").json()

    told = (over["health_status"], over["health_reason"])
    assert told == ("unhealthy", "It has ended.")
    assert early["health_status"] == "degraded"
    assert early["health_reason"].endswith("It does not serve yet.")
