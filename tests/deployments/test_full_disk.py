"""Disks that are full or write-protected, and files that somebody changed.

A real small file system under the reconciler, the local target, real model processes
and the gateway. Whatever cannot be written, the gateway answers from the last good
route, nothing is left half-written, and all goes on by itself when there is room.
"""

import asyncio
import json
import os
import signal

import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier

from deployments import samples
from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler import Reconciler
from deployments.reconciler.sample_intake import Intake
from deployments.serving import logs
from deployments.serving.gateway.sampler import Sampler
from deployments.serving.processes import is_alive
from deployments.serving.supervisor import fleet
from deployments.states import Environment, Health, Status
from deployments.targets.local import LocalTarget
from lifecycle import artifacts
from tests.deployments.factories import VersionFactory
from tests.deployments.gateway.clients import Clients, iris_request
from tests.deployments.gateway.process import GatewayProcess
from tests.deployments.targets import models
from tests.deployments.targets.waiting import until
from tests.disk import SmallDisk

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

CLIENTS = 2
LONG_S = 60
SPARE_PAGES = 6
"""Room for the small files of a deploy, and not for a converted model."""


@pytest.fixture
def disk(settings):
    """Return the data folder: 24 MB, all of which a test may take."""
    made = SmallDisk()
    settings.DATA_DIR, settings.OPEN_MODE = made.path, True
    yield made
    made.close()


class Target(LocalTarget):
    """Finds its disk full when it comes to one call about one deployment."""

    disk: SmallDisk
    full_at = ("", "")
    calls = 0

    def validate(self, spec):
        return self._maybe_full("validate", spec.deployment_id, super().validate, spec)

    def apply(self, spec):
        return self._maybe_full("apply", spec.deployment_id, super().apply, spec)

    def route(self, route):
        named = str([entry.deployment_id for entry in route.entries])
        return self._maybe_full("route", named, super().route, route)

    def _publish(self, one):
        return self._maybe_full("publish", one.deployment_id, super()._publish, one)

    def _maybe_full(self, call, named, work, argument):
        if self.full_at[0] == call and self.full_at[1] in named:
            self.calls += 1
            if self.calls == 1:
                self.disk.fill()
        return work(argument)


@pytest.fixture
def target(disk):
    with Target(disk.path) as made:
        made.disk = disk
        yield made
        disk.free()


@pytest.fixture
def reconciler(target, disk):
    return Reconciler(dict.fromkeys(Environment.values, target), folder=disk.path)


@pytest.fixture
def gateway(target, disk):
    made = GatewayProcess(disk.path)
    yield made
    made.close()


@pytest.fixture
def old(reconciler):
    version = VersionFactory(
        model__name="iris", version="1", content=models.onnx_bytes()
    )
    served = requested(version)
    until(lambda: passed(reconciler, served).status == Status.ACTIVE, LONG_S)
    until(lambda: passed(reconciler, served).health == Health.HEALTHY, LONG_S)
    return served


PATH = "/serving/staging/iris/v2/models/iris/infer"


def requested(version):
    return Deployment.request(version, "staging", by=None)


def successor(old):
    content = models.onnx_bytes(1)
    return VersionFactory(model=old.slot.model, version="2", content=content)


def passed(reconciler, deployment):
    """Make a pass; return the deployment as it is then."""
    reconciler.once()
    deployment.refresh_from_db()
    return deployment


def messages_of(deployment):
    return " ".join(deployment.events.values_list("message", flat=True))


def is_answered_by(clients, deployment):
    return all(seen[-1:] == [str(deployment.pk)] for seen in clients.deployments)


def more(clients, answers=50):
    enough = clients.sent + answers
    until(lambda: clients.sent >= enough)


def half_written(disk):
    """Return files that are not what they will be called."""
    parts = [*disk.path.rglob(".*"), *disk.path.rglob("*.part")]
    return [path for path in parts if path.parent.name != "gateways"]


def pids_of(disk, deployment):
    found = []
    for path in (disk.path / "run" / "instances").glob("*.json"):
        record = json.loads(path.read_bytes())
        if record["deployment_id"] == str(deployment.pk):
            found.append((record["pid"], record["start_time"]))
    return [pid for pid, born in found if is_alive(pid, born)]


@pytest.mark.parametrize("call", ["validate", "apply", "publish", "route"])
def test_a_disk_full_at_any_step_of_a_deploy_costs_no_request(
    call, old, reconciler, gateway, disk
):
    new, target = requested(successor(old)), reconciler.targets["staging"]
    target.full_at = (call, str(new.pk))
    with Clients(gateway, PATH, CLIENTS) as clients:
        until(lambda: passed(reconciler, new) and target.calls > 3, LONG_S)
        more(clients)
        stuck = passed(reconciler, new).status
        versions = [list(seen) for seen in clients.versions]
        said = messages_of(new) if new.status != Status.ACTIVE else ""
        disk.free()
        until(lambda: passed(reconciler, new) and is_answered_by(clients, new), LONG_S)
        more(clients)

    assert versions == [["1"]] * CLIENTS
    assert stuck == {"validate": "validating", "route": "active"}.get(call, "deploying")
    assert said == "" or "disk" in said or "No space left on device" in said
    assert new.status == Status.ACTIVE
    assert clients.statuses.keys() == {200}, clients.errors[:3]
    until(lambda: passed(reconciler, old) and target.list() == [str(new.pk)], LONG_S)
    until(lambda: half_written(disk) == [])


def test_a_model_killed_on_a_full_disk_serves_again_when_there_is_room(
    old, reconciler, gateway, disk
):
    (pid,) = pids_of(disk, old)
    disk.fill()
    os.kill(pid, signal.SIGKILL)
    until(lambda: passed(reconciler, old).health != Health.HEALTHY, LONG_S)
    until(lambda: gateway.post(PATH, iris_request())[0] in {502, 503})
    for _ in range(10):
        reconciler.once()

    disk.free()

    until(lambda: gateway.post(PATH, iris_request())[0] == 200, LONG_S)
    assert passed(reconciler, old).status == Status.ACTIVE
    assert half_written(disk) == []


def test_a_reconciler_that_starts_on_a_full_disk_disturbs_nothing(
    old, reconciler, gateway, disk
):
    reconciler.targets["staging"].close()
    reconciler.release()
    disk.fill()
    with Clients(gateway, PATH, CLIENTS) as clients, Target(disk.path) as target:
        later = Reconciler(dict.fromkeys(Environment.values, target), folder=disk.path)
        for _ in range(20):
            later.once()
        more(clients)
        disk.free()
        until(lambda: passed(later, old) and is_watched(target, old), LONG_S)
        more(clients)
        target.disk = disk

        assert clients.statuses.keys() == {200}, clients.errors[:3]
        assert half_written(disk) == []


def is_watched(target, deployment):
    seen = target.observe(str(deployment.pk))
    return seen.desired_instances == seen.ready_instances == 1


def test_counts_on_a_full_disk_are_added_up_later(old, gateway, disk):
    disk.fill()
    for _ in range(30):
        assert gateway.post(PATH, iris_request())[0] == 200
    gateways = disk.path / "run" / "gateways"
    before = {path: path.stat().st_mtime_ns for path in gateways.glob("*.json")}

    disk.free()

    until(lambda: counted(gateway, old) == 30)
    assert all(path.stat().st_mtime_ns > stamp for path, stamp in before.items())
    assert list((disk.path / "traffic").glob(".*")) == []


def counted(gateway, deployment):
    return gateway.counted().get(str(deployment.pk), {}).get("request_count", 0)


def test_a_sample_that_does_not_fit_is_left_out_whole(disk):
    keeper = Sampler(samples.spool(), "g1")
    keeper.offer("d", 1.0, b'"first"')
    asyncio.run(keeper.spool())
    disk.fill()
    for _ in range(50):
        keeper.offer("d", 1.0, b"x" * 8000)
    asyncio.run(keeper.spool())
    disk.free()
    keeper.offer("d", 1.0, b'"last"')
    keeper.close()

    (path,) = samples.spool().iterdir()
    bodies = [json.loads(line)["body"] for line in path.read_bytes().splitlines()]
    assert bodies == ['"first"', '"last"']


def test_samples_that_find_no_room_are_taken_in_later(old, gateway, reconciler, disk):
    EnvironmentRule.objects.filter(pk="staging").update(sample_rate=1.0)
    until(lambda: passed(reconciler, old) and is_sampled(disk))
    for _ in range(5):
        assert gateway.post(PATH, iris_request())[0] == 200
    until(lambda: sampled_lines() == 5)
    intake = Intake()
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        intake.ingest()
    left = half_written(disk)

    disk.free()
    intake.ingest()

    assert [path for path in left if path.name != ".lock"] == []
    assert len(list((samples.root() / str(old.pk)).glob("*.parquet"))) == 1


def is_sampled(disk):
    (path,) = (disk.path / "run" / "routes").glob("*.json")
    return json.loads(path.read_bytes())["sample_rate"] == 1.0


def sampled_lines():
    return sum(len(p.read_bytes().splitlines()) for p in samples.spool().glob("*"))


def test_a_log_on_a_full_disk_is_cut_and_costs_nothing(disk):
    path = disk.path / "one.log"
    path.write_bytes(b"x" * logs.MAX_BYTES + b"\n")
    logs.cap(path)
    path.write_bytes(b"y" * logs.MAX_BYTES + b"\n")
    disk.fill()

    logs.append(path, "lost")
    logs.cap(path)
    disk.free()
    logs.cap(path)

    assert path.stat().st_size == 0
    assert path.with_suffix(".log.1").read_bytes()[:1] == b"y"
    assert sorted(each.name for each in disk.path.iterdir()) == ["one.log", "one.log.1"]


def test_a_conversion_that_does_not_fit_leaves_the_model_as_it_is(reconciler, disk):
    EnvironmentRule.objects.filter(pk="staging").update(converts_to_onnx=True)
    rows, labels = models.iris()
    large = RandomForestClassifier(100, random_state=0).fit(rows, labels)
    made = requested(VersionFactory(content=skops.io.dumps(large)))
    disk.leave(SPARE_PAGES)

    until(lambda: passed(reconciler, made).status == Status.ACTIVE, LONG_S)

    assert "not converted to ONNX (No space left on device)" in messages_of(made)
    assert list((disk.path / "conversions").iterdir()) == []


# A write-protected data folder ------------------------------------------------------


def test_a_write_protected_folder_stops_changes_and_no_answers(
    old, reconciler, gateway, disk
):
    disk.protect()
    with Clients(gateway, PATH, CLIENTS) as clients:
        new = requested(VersionFactory(model=old.slot.model, content=None))
        Deployment.objects.filter(pk=new.pk).update(
            artifact=old.artifact, artifact_sha256=old.artifact_sha256
        )
        for _ in range(10):
            reconciler.once()
        more(clients)
        stuck, said = passed(reconciler, new).status, messages_of(new)
        disk.release()
        until(lambda: passed(reconciler, new) and is_answered_by(clients, new), LONG_S)
        more(clients)

    assert stuck == Status.VALIDATING
    assert "write-protected" in said
    assert clients.statuses.keys() == {200}, clients.errors[:3]
    until(lambda: passed(reconciler, old) and target_runs(reconciler, new), LONG_S)
    assert half_written(disk) == []


def target_runs(reconciler, deployment):
    return reconciler.targets["staging"].list() == [str(deployment.pk)]


# A file that somebody changed -------------------------------------------------------


def test_bytes_changed_while_it_serves_are_never_served(
    old, reconciler, gateway, disk, monkeypatch
):
    monkeypatch.setattr(fleet, "LONGEST_PAUSE_S", 1.0)
    path = artifacts.file_path(old.artifact)
    good = path.read_bytes()
    # Another model of the same length: all but the digest looks right.
    path.write_bytes(good.replace(b"ai.onnx.ml", b"ai.onnx.mL"))
    (pid,) = pids_of(disk, old)
    with Clients(gateway, PATH, CLIENTS) as clients:
        os.kill(pid, signal.SIGKILL)
        until(lambda: passed(reconciler, old).health == Health.UNHEALTHY, LONG_S)
        status, said = old.status, messages_of(old)
        path.write_bytes(good)
        until(lambda: passed(reconciler, old).health != Health.UNHEALTHY, LONG_S)
        more(clients, 5)
        until(lambda: gateway.post(PATH, iris_request())[0] == 200, LONG_S)

    assert status == Status.ACTIVE
    assert "checksum (SHA-256) is not the registered one" in said
    assert clients.statuses.keys() <= {200, 502, 503}, clients.statuses
    assert {version for seen in clients.versions for version in seen} <= {"1", "none"}


def test_a_converted_file_that_was_changed_gives_way_to_the_model(
    reconciler, disk, gateway, monkeypatch
):
    monkeypatch.setattr(fleet, "LONGEST_PAUSE_S", 1.0)
    EnvironmentRule.objects.filter(pk="staging").update(converts_to_onnx=True)
    made = requested(VersionFactory(model__name="iris", content=models.skops_bytes()))
    until(lambda: passed(reconciler, made).status == Status.ACTIVE, LONG_S)
    (converted,) = (disk.path / "conversions").iterdir()
    converted.write_bytes(converted.read_bytes().replace(b"ai.onnx.ml", b"ai.onnx.mL"))
    (pid,) = pids_of(disk, made)

    os.kill(pid, signal.SIGKILL)

    url = "/serving/staging/iris/v2/models/iris"
    until(lambda: platform(gateway, url) == "sklearn_sklearn", LONG_S)
    assert not converted.exists()


def platform(gateway, url):
    status, body, _ = gateway.get(url)
    return body["platform"] if status == 200 else ""
