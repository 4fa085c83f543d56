"""What many requests at once must not break, on SQLite and on PostgreSQL."""

import threading
from collections import Counter

import pytest
from django.db import connection

from lifecycle.models import Experiment
from mlops.core import rates
from mlops.core.models import IdempotencyRecord, RateCount

pytestmark = [
    pytest.mark.urls("tests.core.urls"),
    pytest.mark.django_db(transaction=True),
]

THREADS = 8


def at_once(act):
    """Run `act(number)` in eight threads at the same moment; return the results."""
    barrier, results = threading.Barrier(THREADS), []

    def run(number):
        try:
            barrier.wait(timeout=30)
            results.append(act(number))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(number,)) for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == THREADS
    return results


def test_one_key_acts_once_however_many_ask(api):
    clients = [api("data scientist") for _ in range(THREADS)]

    def post(number):
        return (
            clients[number]
            .post("/notes", {"name": "a"}, HTTP_IDEMPOTENCY_KEY="k")
            .status_code
        )

    statuses = Counter(at_once(post))

    assert Experiment.objects.count() == 1
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert IdempotencyRecord.objects.get().status == 201


def test_one_writer_wins_with_one_etag(api):
    note = Experiment.objects.create(name="a")
    clients = [api("admin") for _ in range(THREADS)]
    tag = clients[0].get(f"/notes/{note.pk}")["ETag"]

    def patch(number):
        body = {"description": str(number)}
        return (
            clients[number]
            .patch(f"/notes/{note.pk}", body, HTTP_IF_MATCH=tag)
            .status_code
        )

    assert Counter(at_once(patch)) == {200: 1, 412: THREADS - 1}


def test_no_request_is_lost_in_counting(db):
    rate = rates.Rate("write", 1000, seconds=10**9)

    at_once(lambda _number: [rates.count(rate, "x") for _ in range(5)])

    assert RateCount.objects.get().count == 5 * THREADS


def test_deleted_under_the_feet_of_a_writer_is_404(api):
    note = Experiment.objects.create(name="a")
    client = api("admin")
    tag = client.get(f"/notes/{note.pk}")["ETag"]
    Experiment.objects.all().delete()

    answer = client.patch(f"/notes/{note.pk}", {"description": "1"}, HTTP_IF_MATCH=tag)

    assert answer.status_code == 404
