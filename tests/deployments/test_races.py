"""Many at once: whoever wins, the history is legal and nothing serves twice."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import ProtectedError
from rest_framework.test import APIClient

from deployments.models import Deployment, Slot
from deployments.plan import DeploymentPlan
from deployments.states import TRANSITIONS, Status
from mlops.core.errors import DomainError
from mlops.core.models import User
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
)
from tests.lifecycle.factories import RegisteredModelFactory

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
HOME = "/api/v1/ml/lifecycle/deployments"
NEXT = {
    Status.PENDING: Deployment.begin_validating,
    Status.VALIDATING: Deployment.begin_deploying,
    Status.DEPLOYING: Deployment.activate,
}


def at_once(work, threads):
    """Run `work(number)` in threads that start together; return the results."""
    start = threading.Barrier(threads)

    def one(number):
        start.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


ACTS = ("ask", "step", "cancel", "roll back", "terminate", "delete")
WEIGHTS = (3, 12, 1, 3, 1, 1)


def act(kind, model, version):
    """Do one thing to some deployment of the model; refusals are raised."""
    rows = Deployment.objects.filter(slot__model=model)
    started = rows.in_progress().order_by("?").first()
    serving = rows.serving().first()
    if kind == "ask":
        Deployment.request(version, "development", by=None)
    elif kind == "step" and started:
        NEXT[started.status](started)
    elif kind == "cancel" and started:
        started.cancel(by=None)
    elif kind == "roll back" and serving:
        serving.roll_back()
    elif kind == "terminate" and serving:
        serving.terminate(by=None)
    elif kind == "delete":
        version.delete()


def race(threads, rounds, seed):
    """Let threads ask, step, cancel, roll back, terminate and delete at random."""
    model = RegisteredModelFactory()
    versions = [VersionFactory(model=model) for _ in range(3)]
    for version in versions:
        Deployment.request(version, "development", by=None)

    def work(number):
        rng, done = random.Random(seed + number), Counter()  # noqa: S311 - repeatable
        for _ in range(rounds):
            kind = rng.choices(ACTS, WEIGHTS)[0]
            try:
                act(kind, model, rng.choice(versions))
                done[kind] += 1
            except (DomainError, ProtectedError) as refused:
                done[type(refused).__name__] += 1
            assert Deployment.objects.serving().filter(slot__model=model).count() <= 1
        return done

    return sum(at_once(work, threads), Counter()), model


def require_legal_history(model):
    """Every path starts pending, follows the table, and ends where the row is."""
    for one in Deployment.objects.filter(slot__model=model):
        events = list(one.events.order_by("sequence"))
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        at = ""
        for event in events:
            assert event.from_status == at
            if event.from_status not in {"", event.to_status}:
                step = (Status(event.from_status), Status(event.to_status))
                assert event.mover in TRANSITIONS[step]
            at = event.to_status
        assert at == one.status
    slot = Slot.objects.get(model=model)
    revisions = slot.deployments.order_by("revision").values_list("revision", flat=True)
    assert list(revisions) == list(range(1, slot.next_revision))
    assert slot.deployments.serving().count() <= 1


def test_racing_movers_leave_a_legal_history():
    done, model = race(threads=6, rounds=15, seed=1)

    require_legal_history(model)
    assert done["step"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 200])
def test_sixteen_threads_race_two_hundred_times_each(seed):
    done, model = race(threads=16, rounds=200, seed=seed)

    require_legal_history(model)
    print(dict(done))  # noqa: T201 - the figures are the point
    assert sum(done.values()) == 3200


def test_two_simultaneous_activations_leave_one_active():
    version = VersionFactory()
    slot, _ = Slot.objects.get_or_create(model=version.model, environment="staging")
    one = Deployment.request(version, "staging", by=None)
    one.begin_validating()
    one.begin_deploying()
    copies = [Deployment.objects.get(pk=one.pk) for _ in range(8)]

    def activate(number):
        try:
            copies[number].activate()
        except DomainError as refused:
            return refused.code
        return "won"

    results = Counter(at_once(activate, 8))

    assert results == {"won": 1, "stale_deployment": 7}
    assert slot.deployments.serving().count() == 1


def test_equal_rollbacks_at_once_take_effect_once():
    model = RegisteredModelFactory()
    for _ in range(2):
        version = VersionFactory(model=model)
        one = Deployment.request(version, "staging", by=None)
        one.begin_validating()
        one.begin_deploying()
        one.activate()
    copies = [Deployment.objects.get(pk=one.pk) for _ in range(8)]

    def roll_back(number):
        try:
            copies[number].roll_back()
        except DomainError as refused:
            return refused.code
        return "won"

    results = Counter(at_once(roll_back, 8))

    assert results == {"won": 1, "deployment_in_progress": 7}
    assert Deployment.objects.filter(rollback_from=one).count() == 1


@pytest.mark.parametrize("key", [None, "the same key"])
def test_twenty_equal_creates_at_once_make_one(key):
    version = VersionFactory()
    boss = User.objects.create_superuser("boss")
    body = {"model_id": str(version.pk), "environment": "development"}
    headers = {} if key is None else {"Idempotency-Key": key}

    def create(_number):
        client = APIClient()
        client.force_authenticate(boss)
        answer = client.post(HOME, body, headers=headers)
        return answer.status_code, answer.json().get("id")

    results = at_once(create, 20)

    statuses = {status for status, _ in results}
    ids = {made for status, made in results if status == 201}
    assert statuses <= {201, 409}
    assert len(ids) == 1
    assert Deployment.objects.count() == 1


def test_twenty_different_creates_at_once_are_twenty_revisions():
    version = VersionFactory()

    def create(number):
        plan = DeploymentPlan(instances=number + 1)
        made = Deployment.request(version, "development", by=None, plan=plan)
        return made.revision

    assert sorted(at_once(create, 20)) == list(range(1, 21))


def test_a_precondition_waits_for_the_slot_and_never_for_each_other(api):
    deployment, client = DeploymentFactory(active=True), api("admin")
    url = f"{HOME}/{deployment.pk}"
    tag = client.get(url)["ETag"]
    writer = threading.Thread(
        target=terminate_if_unchanged, args=(client, f"{url}/status", tag)
    )

    with transaction.atomic():
        Slot.lock(deployment.slot_id)
        writer.start()
        writer.join(timeout=1)  # it comes as far as it can meanwhile
        Deployment.objects.filter(pk=deployment.pk).update(notes="ours")
    writer.join(timeout=60)

    deployment.refresh_from_db()
    assert (deployment.ends_as, deployment.notes) == ("terminated", "ours")


def terminate_if_unchanged(client, url, tag):
    try:
        client.patch(url, {"status": "terminated"}, HTTP_IF_MATCH=tag)
    finally:
        connection.close()
