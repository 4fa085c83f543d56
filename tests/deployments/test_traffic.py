"""Traffic: taken in exactly once, made small with age, never lost."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from deployments.models import Lease, TrafficWindow
from deployments.models.figures import Figures
from deployments.reconciler.keys import write_keys
from deployments.reconciler.rollup import roll_up
from deployments.reconciler.spool import Spool
from mlops.core.models import ApiToken
from tests.deployments.factories import DeploymentFactory

pytestmark = pytest.mark.django_db
MINUTE = 1_790_000_040


@pytest.fixture
def lease():
    return Lease.take("reconciler", "me")


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
        spool.take_in(lease, now=MINUTE + 30)
        spool.take_in(lease, now=MINUTE + 30)

    assert total(deployment).request_count == 9
    row = TrafficWindow.objects.get()
    assert (row.gateway, row.histogram) == ("g1", {"40": 9})
    assert row.starts_at == datetime.fromtimestamp(MINUTE, UTC)


def test_gateways_have_rows_of_their_own(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    for gateway in ("g1", "g2", "g3"):
        write(tmp_path, {str(deployment.pk): counted(10, 1)}, gateway)

    spool.take_in(lease, now=MINUTE + 30)

    assert (total(deployment).request_count, total(deployment).error_count) == (30, 3)


def test_a_file_is_deleted_only_when_its_minute_is_over_and_counted(
    lease, spool, tmp_path
):
    deployment = DeploymentFactory(active=True)
    path = write(tmp_path, {str(deployment.pk): counted(5)})

    spool.take_in(lease, now=MINUTE + 65)
    kept = path.exists()
    spool.take_in(lease, now=MINUTE + 71)

    assert kept
    assert not path.exists()
    assert total(deployment).request_count == 5


def test_a_late_file_of_a_closed_minute_counts_once(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    write(tmp_path, {str(deployment.pk): counted(5)})
    spool.take_in(lease, now=MINUTE + 71)
    write(tmp_path, {str(deployment.pk): counted(7)})

    spool.take_in(lease, now=MINUTE + 72)

    assert total(deployment).request_count == 7


def test_who_has_lost_the_lease_neither_counts_nor_deletes(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    path = write(tmp_path, {str(deployment.pk): counted(5)})
    Lease.objects.update(holder="another", fence=lease.fence + 1)

    with pytest.raises(Exception, match="reconciler"):
        spool.take_in(lease, now=MINUTE + 71)

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

    spool.take_in(lease, now=MINUTE + 71)

    assert total(deployment).request_count == 5


def test_counts_of_a_deployment_that_nobody_knows_are_dropped(lease, spool, tmp_path):
    deployment = DeploymentFactory(active=True)
    unknown = "00000000-0000-0000-0000-000000000000"
    write(tmp_path, {unknown: counted(3), str(deployment.pk): counted(5)})

    spool.take_in(lease, now=MINUTE + 71)

    assert TrafficWindow.objects.count() == 1


def windows(deployment, start, count, *, step=60, seconds=60, gateway="g1"):
    TrafficWindow.objects.bulk_create(
        TrafficWindow(
            deployment=deployment,
            gateway=gateway,
            seconds=seconds,
            starts_at=start + timedelta(seconds=step * number),
            request_count=2,
            error_count=1,
            sum_ms=4.0,
            max_ms=number,
            histogram={"40": 2},
        )
        for number in range(count)
    )


def rolled_up(lease, now):
    while roll_up(lease, now):
        pass


def test_minutes_become_hours_after_two_days_and_sums_stay(lease):
    deployment = DeploymentFactory(active=True)
    now = datetime(2026, 11, 10, 12, 30, tzinfo=UTC)
    for gateway in ("g1", "g2"):
        windows(deployment, now - timedelta(hours=51, minutes=30), 240, gateway=gateway)
    before = deployment.windows.all().figures()

    rolled_up(lease, now)

    after = deployment.windows.all().figures()
    assert (after.request_count, after.error_count) == (960, 480)
    assert (after.sum_ms, after.max_ms) == (before.sum_ms, before.max_ms)
    assert after.histogram == {"40": 960}
    lengths = list(
        deployment.windows.order_by("starts_at").values_list("seconds", "request_count")
    )
    assert lengths[:3] == [(3600, 240), (3600, 240), (3600, 240)]
    assert {seconds for seconds, _ in lengths[3:]} == {60}
    assert roll_up(lease, now) == 0


def test_after_ninety_days_only_the_lifetime_total_is_left(lease):
    deployment = DeploymentFactory(active=True)
    now = datetime(2026, 11, 10, 12, 30, tzinfo=UTC)
    windows(deployment, now - timedelta(days=100), 30, step=86400, seconds=3600)

    rolled_up(lease, now)
    rolled_up(lease, now + timedelta(days=30))

    assert deployment.windows.get().seconds == 0
    assert total(deployment).request_count == 60


def test_a_minute_that_comes_after_its_hour_was_rolled_up_is_added(lease):
    deployment = DeploymentFactory(active=True)
    now = datetime(2026, 11, 10, 12, 30, tzinfo=UTC)
    start = now - timedelta(hours=51, minutes=30)
    windows(deployment, start, 30)
    rolled_up(lease, now)
    windows(deployment, start, 1, gateway="late")

    rolled_up(lease, now)

    assert deployment.windows.get().request_count == 62


def test_keys_of_tokens_that_may_predict_are_written_for_this_user_only(
    person, tmp_path, settings
):
    user = person("deployer")
    everything, _ = ApiToken.issue(user, "all")
    predict, _ = ApiToken.issue(user, "predict", scopes=["predict"])
    ApiToken.issue(user, "read", scopes=["read"])
    revoked, _ = ApiToken.issue(user, "old")
    revoked.revoke()
    ApiToken.issue(user, "late", expires_at=timezone.now() - timedelta(seconds=1))
    ApiToken.issue(person("viewer"), "gone")
    person("viewer").__class__.objects.filter(username="viewer").update(is_active=False)
    path = tmp_path / "run" / "keys.json"

    write_keys(path)

    content = json.loads(path.read_text())
    assert content["open"] is False
    assert set(content["digests"]) == {everything.digest, predict.digest}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
