"""What web's readiness says of worker and gateways."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments import probes
from deployments.models import Deployment, Lease
from deployments.models.watch import RECONCILER
from mlops.core.queues import Waiting
from tests.deployments.factories import VersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def signs(settings, tmp_path):
    """Return a writer of a gateway process's sign, so many seconds old."""
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "run" / "gateways"
    folder.mkdir(parents=True)

    def write(name, age_s):
        sign = {"at": time.time() - age_s, "outstanding": {}}
        (folder / f"{name}.json").write_text(json.dumps(sign))

    return write


def test_a_worker_is_seen_by_its_lease():
    assert probes.worker() == {"state": "never seen", "age_s": None}

    Lease.take(RECONCILER, "me")
    assert probes.worker()["state"] == "ok"

    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=45))
    late = probes.worker()
    assert late["state"] == "late"
    assert 59 < late["age_s"] < 120


def test_gateways_are_seen_by_their_signs(signs):
    assert probes.gateways() == {"state": "none", "age_s": None, "processes": 0}

    signs("a", 40)
    assert probes.gateways()["state"] == "late"

    signs("b", 2)
    found = probes.gateways()
    assert (found["state"], found["processes"]) == ("ok", 1)
    assert 2 <= found["age_s"] < 10


def test_a_broken_sign_is_passed_over(signs, settings):
    (settings.DATA_DIR / "run" / "gateways" / "x.json").write_text("{")

    assert probes.gateways()["state"] == "none"


def test_readiness_names_the_others_and_is_turned_by_none(client, signs):
    answer = client.get("/readyz")

    others = answer.json()["others"]
    assert answer.status_code == 200
    assert others["worker"]["state"] == "never seen"
    assert others["gateways"]["state"] == "none"
    assert others["store"]["free_bytes"] > 0
    assert "static_files" not in others


def test_production_says_that_static_files_are_missing(client, signs, settings):
    settings.PRODUCTION, settings.STATIC_ROOT = True, settings.DATA_DIR / "static"

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["others"]["static_files"]["state"] == "not collected"


def test_the_oldest_pending_deployment_is_the_age_of_its_queue():
    version = VersionFactory()
    for environment in ("development", "staging"):
        Deployment.request(version, environment, by=None)
    old = Deployment.objects.order_by("created_at").first()

    waiting = Deployment.objects.waiting()

    assert waiting == Waiting(2, old.created_at)
