"""What nothing needs any more goes; what may still be needed stays."""

import os
import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment
from deployments.reconciler.stale_files import DAY_S, HOUR_S, sweep
from deployments.states import Status
from deployments.worker import Housekeeping
from tests.deployments.factories import DeploymentFactory, sha256
from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


def kept(path, age_s=0.0):
    """Write a file of that age; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("kept")
    at = time.time() - age_s
    os.utime(path, (at, at))
    return path


def log_of(data_dir, pk, age_s, suffix="log"):
    return kept(data_dir / "run" / "logs" / f"{pk}.{suffix}", age_s)


def ended(days, status=Status.TERMINATED):
    at = timezone.now() - timedelta(days=days)
    return DeploymentFactory(status=status, terminated_at=at)


def test_a_log_goes_some_days_after_its_deployment_has_ended(data_dir):
    old = log_of(data_dir, ended(31).pk, 31 * DAY_S)
    older_half = log_of(data_dir, ended(31, Status.FAILED).pk, 31 * DAY_S, "log.1")
    lately = log_of(data_dir, ended(29).pk, 29 * DAY_S)
    quiet = log_of(data_dir, DeploymentFactory(active=True).pk, 100 * DAY_S)
    zygote = log_of(data_dir, "zygote", 100 * DAY_S)

    assert sweep() == 2

    assert not old.exists()
    assert not older_half.exists()
    assert lately.exists()
    assert quiet.exists()
    assert zygote.exists()


def test_a_setting_says_how_many_days(data_dir, settings):
    settings.LOG_DAYS = 2
    old = log_of(data_dir, ended(3).pk, 3 * DAY_S)
    young = log_of(data_dir, ended(1).pk, 1 * DAY_S)

    sweep()

    assert (old.exists(), young.exists()) == (False, True)


def test_a_log_without_a_row_goes_by_its_own_age(data_dir):
    old = log_of(data_dir, uuid.uuid4(), 31 * DAY_S)
    young = log_of(data_dir, uuid.uuid4(), DAY_S)

    sweep()

    assert (old.exists(), young.exists()) == (False, True)


def test_a_converted_model_stays_while_a_deployment_may_serve_it(data_dir):
    serving, over = DeploymentFactory(active=True), ended(1)

    def conversion(deployment, age_s):
        name = f"{deployment.artifact_sha256}.{sha256(os.urandom(8))}.onnx"
        return kept(data_dir / "conversions" / name, age_s)

    Deployment.objects.filter(pk=over.pk).update(artifact_sha256=sha256(b"other"))
    over.refresh_from_db()
    served = conversion(serving, 100 * DAY_S)
    just_made = conversion(over, 60)
    unused = conversion(over, 2 * HOUR_S)

    assert sweep() == 1

    assert served.exists()
    assert just_made.exists()
    assert not unused.exists()


@pytest.mark.parametrize(
    ("name", "age_s"),
    [
        ("run/.supervisor.0", HOUR_S),
        ("run/routes/.staging--0.json.1", HOUR_S),
        ("traffic/.g-0.json.1", HOUR_S),
        ("samples/d/.0-g.1", HOUR_S),
        ("conversions/0.part", HOUR_S),
        ("run/gateways/0.json", 60.0),
        ("uploads/tmp0.upload.bin", DAY_S),
    ],
)
def test_what_a_kill_left_half_written_goes_when_nobody_writes_it_any_more(
    data_dir, name, age_s
):
    young = kept(data_dir / f"{name}", age_s / 2)
    sweep()
    stayed = young.exists()
    old = kept(data_dir / name, age_s * 2)

    sweep()

    assert stayed
    assert not old.exists()


def test_all_that_goes_in_a_sweep_is_counted(data_dir):
    over = ended(31)
    log_of(data_dir, over.pk, 31 * DAY_S)
    unused = f"{over.artifact_sha256}.{sha256(b'any')}.onnx"
    kept(data_dir / "conversions" / unused, 2 * HOUR_S)
    kept(data_dir / "traffic" / ".g-0.json.1", 2 * HOUR_S)

    assert [sweep(), sweep()] == [3, 0]


def test_a_folder_is_no_half_file(data_dir):
    folder = data_dir / "run" / ".hidden"
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))

    assert sweep() == 0


def test_a_link_to_nothing_is_no_half_file(data_dir):
    (data_dir / "traffic").mkdir()
    (data_dir / "traffic" / ".g-0.json.1").symlink_to("gone")

    assert sweep() == 0


def test_routes_records_and_locks_are_no_leftovers(data_dir):
    names = ("run/routes/a.json", "run/supervisor", "samples/.lock", "traffic/g-0.json")
    files = [kept(data_dir / name, 100 * DAY_S) for name in names]

    assert sweep() == 0

    assert all(path.exists() for path in files)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_worker_sweeps_beside_the_reconciler(data_dir):
    path = log_of(data_dir, ended(31).pk, 31 * DAY_S)

    with Housekeeping(threading.Event()):
        until(lambda: not path.exists())
