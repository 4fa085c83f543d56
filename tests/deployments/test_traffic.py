"""Traffic: taken in exactly once, made small with age, never lost."""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from deployments.models import Lease, TrafficWindow
from deployments.models.figures import Figures
from deployments.reconciler import spool as spools
from deployments.reconciler import tokens
from deployments.reconciler.pruning import prune_traffic
from deployments.reconciler.spool import Spool
from deployments.serving.publishing import FilePublisher
from deployments.serving.supervisor.routing import publish_access
from mlops.core.models import ApiToken
from tests.deployments.factories import DeploymentFactory, count

pytestmark = pytest.mark.django_db
MINUTE = 1_790_000_040
START = datetime(2026, 11, 8, 9, 30, tzinfo=UTC)


@pytest.fixture
def lease():
    return Lease.take("reconciler", "me")


@pytest.fixture
def deployment():
    return DeploymentFactory(active=True)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path)


def counted(requests, errors=0):
    return {
        "request_count": requests,
        "error_count": errors,
        "client_error_count": 1,
        "rejected_count": 0,
        "sum_ms": requests * 2.0,
        "max_ms": 9.0,
        "histogram": {"40": requests},
    }


def write(folder, counts, gateway="g1", minute=MINUTE):
    path = folder / f"{gateway}-{minute}.json"
    part = path.with_suffix(".part")
    content = {
        "gateway": gateway,
        "starts_at": minute,
        "seconds": 60,
        "deployments": counts,
    }
    part.write_text(json.dumps(content))
    part.replace(path)
    return path


def total(deployment):
    return TrafficWindow.objects.totals([deployment.pk]).get(deployment.pk, Figures())


def test_a_file_that_grows_sets_the_row_and_never_adds(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)

    for requests in (5, 5, 9):
        write(tmp_path, {str(deployment.pk): counted(requests)})
        spool.ingest(lease, now=MINUTE + 30)
        spool.ingest(lease, now=MINUTE + 30)

    assert total(deployment).request_count == 9
    row = TrafficWindow.objects.minutes().get()
    assert (row.gateway, row.histogram) == ("g1", {"40": 9})
    assert row.starts_at == datetime.fromtimestamp(MINUTE, UTC)


def test_gateways_have_rows_of_their_own(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    for gateway in ("g1", "g2", "g3"):
        write(tmp_path, {str(deployment.pk): counted(10, 1)}, gateway)

    spool.ingest(lease, now=MINUTE + 30)

    assert (total(deployment).request_count, total(deployment).error_count) == (30, 3)


def test_a_file_is_deleted_only_when_its_minute_is_over_and_counted(
    lease, spool, tmp_path
):
    deployment = DeploymentFactory(active=True)
    path = write(tmp_path, {str(deployment.pk): counted(5)})

    spool.ingest(lease, now=MINUTE + 65)
    kept = path.exists()
    spool.ingest(lease, now=MINUTE + 71)

    assert kept
    assert not path.exists()
    assert total(deployment).request_count == 5


def test_a_late_file_of_a_closed_minute_counts_once(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    write(tmp_path, {str(deployment.pk): counted(5)})
    spool.ingest(lease, now=MINUTE + 71)
    write(tmp_path, {str(deployment.pk): counted(7)})

    spool.ingest(lease, now=MINUTE + 72)

    assert total(deployment).request_count == 7


def test_who_has_lost_the_lease_neither_counts_nor_deletes(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    path = write(tmp_path, {str(deployment.pk): counted(5)})
    Lease.objects.update(holder="another", fence=lease.fence + 1)

    with pytest.raises(Exception, match="reconciler"):
        spool.ingest(lease, now=MINUTE + 71)

    assert path.exists()
    assert not TrafficWindow.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"deployments": 7}',
        '{"deployments": {"no id": {}}}',
        '{"gateway": "g", "starts_at": 1e400, "seconds": 60, "deployments": {}}',
    ],
)
def test_a_file_that_makes_no_sense_stops_nothing(lease, spool, tmp_path, content):
    deployment = DeploymentFactory(active=True)
    (tmp_path / f"bad-{MINUTE}.json").write_text(content)
    write(tmp_path, {str(deployment.pk): counted(5)})

    spool.ingest(lease, now=MINUTE + 71)

    assert total(deployment).request_count == 5


def test_counts_of_a_deployment_that_nobody_knows_are_dropped(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    unknown = "00000000-0000-0000-0000-000000000000"
    write(tmp_path, {unknown: counted(3), str(deployment.pk): counted(5)})

    spool.ingest(lease, now=MINUTE + 71)

    assert TrafficWindow.objects.minutes().count() == 1


def test_what_was_read_is_read_again_only_when_it_has_changed(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    write(tmp_path, {str(deployment.pk): counted(5)})
    new = [spool.ingest(lease, now=MINUTE + 30) for _ in range(3)]
    write(tmp_path, {str(deployment.pk): counted(6)})

    assert [*new, spool.ingest(lease, now=MINUTE + 30)] == [1, 0, 0, 1]


def test_a_file_that_is_gone_when_it_is_looked_at_hides_no_other(
    lease, spool, tmp_path
):
    deployment = DeploymentFactory(active=True)
    (tmp_path / f"g0-{MINUTE - 60}.json").symlink_to(tmp_path / "gone")
    write(tmp_path, {str(deployment.pk): counted(5)})

    assert spool.ingest(lease, now=MINUTE + 30) == 1
    assert total(deployment).request_count == 5


def test_so_many_files_are_read_at_a_time_and_the_oldest_first(
    lease, spool, tmp_path, monkeypatch
):
    monkeypatch.setattr(spools, "MAX_FILES", 2)
    deployment = DeploymentFactory(active=True)
    for late in (0, 2, 1):
        write(tmp_path, {str(deployment.pk): counted(1)}, minute=MINUTE + 60 * late)

    new = [spool.ingest(lease, now=MINUTE + 71) for _ in range(3)]

    assert new == [2, 1, 0]
    assert [path.name for path in sorted(tmp_path.glob("*.json"))] == [
        f"g1-{MINUTE + 60}.json",
        f"g1-{MINUTE + 120}.json",
    ]


def test_what_older_files_push_out_of_a_turn_is_not_read_again_after_it(
    lease, spool, tmp_path, monkeypatch
):
    monkeypatch.setattr(spools, "MAX_FILES", 2)
    deployment = DeploymentFactory(active=True)
    for late in (2, 3):
        write(tmp_path, {str(deployment.pk): counted(1)}, minute=MINUTE + 60 * late)
    new = [spool.ingest(lease, now=MINUTE + 71)]
    write(tmp_path, {str(deployment.pk): counted(1)}, minute=MINUTE)

    new += [spool.ingest(lease, now=MINUTE + 71) for _ in range(2)]

    assert new == [2, 1, 0]


def minutes(deployment, start, number, gateway="g1", correction=None):
    TrafficWindow.objects.set_minutes(
        [
            TrafficWindow(
                deployment=deployment,
                gateway=gateway,
                starts_at=start + timedelta(minutes=minute),
                request_count=2,
                error_count=1,
                sum_ms=4.0,
                max_ms=minute,
                histogram={"40": 1, str(minute): 1},
                correction=correction or {},
            )
            for minute in range(number)
        ]
    )


def pruned(lease, now):
    while prune_traffic(lease, now):
        pass


def test_hours_hold_all_that_their_minutes_counted(deployment):
    for gateway in ("g1", "g2"):
        minutes(deployment, START, 150, gateway, {"40": -1, "3": 1})

    hours = deployment.windows.hours().order_by("starts_at")

    assert [hour.request_count for hour in hours] == [120, 240, 240]
    assert [hour.max_ms for hour in hours] == [29, 89, 149]
    of_minutes = deployment.windows.minutes().figures()
    assert deployment.windows.hours().figures().histogram == of_minutes.histogram
    assert total(deployment).histogram == of_minutes.histogram
    assert total(deployment).correction == of_minutes.correction


def test_a_minute_that_grows_adds_to_its_hour_what_is_new(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)

    for requests in (5, 5, 9):
        for gateway in ("g1", "g2"):
            write(tmp_path, {str(deployment.pk): counted(requests)}, gateway)
        spool.ingest(lease, now=MINUTE + 30)

    assert deployment.windows.hours().get().request_count == 18
    assert total(deployment).histogram == {"40": 18}
    assert total(deployment).sum_ms == 36.0


def test_minutes_go_after_two_days_and_hours_after_ninety(lease, deployment):
    minutes(deployment, START, 240)

    pruned(lease, START + timedelta(hours=50))
    after_two_days = deployment.windows.minutes().count()
    pruned(lease, START + timedelta(days=90, hours=1, minutes=1))

    assert after_two_days == 120
    assert not deployment.windows.minutes().exists()
    hours = deployment.windows.hours().order_by("starts_at")
    assert [hour.request_count for hour in hours] == [120, 120, 60]


def test_pruning_says_how_many_windows_went(lease, deployment):
    minutes(deployment, START, 3)
    days = [START + timedelta(days=days) for days in (3, 3, 91)]

    assert [prune_traffic(lease, now) for now in days] == [3, 0, 1]


def test_no_total_shrinks_when_windows_go(lease, deployment):
    minutes(deployment, START, 240)
    before = total(deployment)

    pruned(lease, START + timedelta(days=365))

    after = total(deployment)
    assert deployment.windows.count() == 1
    assert replace(after, last_updated=before.last_updated) == before


def test_a_minute_that_comes_when_its_likes_are_gone_is_added(lease, deployment):
    minutes(deployment, START, 30)
    pruned(lease, START + timedelta(days=3))
    minutes(deployment, START, 1, gateway="late")

    pruned(lease, START + timedelta(days=3))

    assert deployment.windows.hours().get().request_count == 62
    assert total(deployment).request_count == 62


def test_hours_and_minutes_draw_the_same_series(deployment):
    minutes(deployment, START, 240)
    start = START - timedelta(minutes=30)

    by_hour = TrafficWindow.objects.series(start, 3600, 5)

    by_minute = TrafficWindow.objects.series(start, 600, 30)
    assert [hour.request_count for hour in by_hour] == [60, 120, 120, 120, 60]
    sums = [Figures.total(by_minute[at : at + 6]) for at in range(0, 30, 6)]
    assert [(one.request_count, one.histogram) for one in by_hour] == [
        (one.request_count, one.histogram) for one in sums
    ]


def test_counts_of_before_hours_held_their_minutes_are_kept(deployment):
    """The migration adds up what was in one row only, and takes it apart again."""
    minutes(deployment, START, 90)
    held = {row.key: row.figures for row in TrafficWindow.objects.all()}
    migration = import_module("deployments.migrations.0007_hours_and_lifetimes")

    migration.hold_each_once(apps, None)
    apart = TrafficWindow.objects.all().figures().request_count
    migration.hold_it_all(apps, None)

    assert apart == 180
    assert {row.key: row.figures for row in TrafficWindow.objects.all()} == held


def test_keys_of_tokens_that_may_predict_are_written_for_this_user_only(
    person, tmp_path, settings
):
    user = person("deployer")
    everything, _ = ApiToken.issue(user, "all")
    predict, _ = ApiToken.issue(user, "predict", scopes=["predict"])
    read, _ = ApiToken.issue(user, "read", scopes=["read"])
    revoked, _ = ApiToken.issue(user, "old")
    revoked.revoke()
    ApiToken.issue(user, "late", expires_at=timezone.now() - timedelta(seconds=1))
    ApiToken.issue(person("viewer"), "gone")
    person("viewer").__class__.objects.filter(username="viewer").update(is_active=False)

    publish_access(FilePublisher(tmp_path / "run"), tokens.token_access())

    path = tmp_path / "run" / "keys.json"
    content = json.loads(path.read_text())
    assert content["open"] is False
    assert set(content["digests"]) == {everything.digest, predict.digest}
    assert set(content["readers"]) == {everything.digest, read.digest}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_windows_counted_together_are_the_sum_of_each(deployment):
    minute = timezone.now().replace(second=0, microsecond=0)
    for place, histogram in enumerate([{"0": 2, "31": 12}, {}, {"31": 1, "156": 3}]):
        count(
            deployment,
            minute,
            gateway=f"g{place}",
            request_count=place,
            max_ms=float(place),
            histogram=histogram,
            correction={"31": -place} if histogram else {},
        )
    minutes = TrafficWindow.objects.minutes()

    ((at, together),) = minutes.counted_together("starts_at")

    assert (at, together.request_count, together.max_ms) == (minute, 3, 2.0)
    assert together.histogram == {"0": 2, "31": 13, "156": 3}
    assert together.correction == {"31": -2}
