"""Cases for what ends a thing: the fuzzer leaves it out, as it would end the world.

Each case names the thing or another, in the state that it has or another; whoever is
refused has changed nothing, and leaves no entry in the trail.
"""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction

from datasets.models import UploadSession
from mlops.core.models import AuditEntry
from tests.contract import exchanges
from tests.contract.shapes import SHAPES
from tests.contract.test_own_bodies import ODD, drawn
from tests.contract.test_permissions import let_go
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
CASES = 200
NAMES = {
    "dataset_id": "dataset",
    "rule_id": "rule",
    "upload_id": "upload",
    "id": "token",
    "deployment_id": "deployment",
    "key_id": "key",
    "run_id": "run",
}
PLAIN = {"feature_name": "age", "label": "1"}
OTHERS = ["nothing", "0", "-1", "1.5", "%00", "a b", str(uuid.UUID(int=7))]
REASONS = ["worse", "", "x" * 10_000, "x" * 10_001, "a\0b"]


@dataclass(frozen=True)
class Ending:
    """An operation that ends a thing: what its fields are given."""

    fields: dict[str, list[Any]] = field(default_factory=dict)
    always: tuple[str, ...] = ()


ENDINGS = {
    "deleteDataset": Ending(),
    "deleteFeature": Ending(),
    "deleteQualityRule": Ending(),
    "deleteUpload": Ending(),
    "purgeDatasetVersion": Ending(),
    "revokeApiToken": Ending(),
    "revokeDeploymentKey": Ending(),
    "terminateDeployment": Ending({"reason": REASONS}),
    "updateDeploymentStatus": Ending(
        {"status": ["terminated", "failed", "active", "moon"], "reason": REASONS},
        ("status",),
    ),
    "updateRun": Ending(
        {
            "status": ["completed", "failed", "running", "moon"],
            "notes": ["seen", "x" * 100_001],
            "metrics": [[], [{"name": "loss", "value": 0.5}], [{"name": ""}]],
            "completed_at": ["2026-11-30T10:00:00Z", "yesterday"],
            "artifacts": [[], [{"path": "model.onnx"}], "model.onnx"],
        }
    ),
}


@pytest.fixture
def chance():
    return random.Random(47)  # noqa: S311 - the same cases each time


@pytest.fixture
def world(person, data_dir, settings, monkeypatch):
    settings.WRITE_RATE = 0
    allow_slow_conversion(monkeypatch)
    made = build(person("admin"))
    upload = UploadSession.begin("b.csv", 3, by=person("admin"))
    return {**made, "upload": str(upload.pk)}


def address_of(path, world, chance):
    """Return an address, and whether it is that of the thing in the world."""
    names, fits = {}, True
    for name in [part.partition("}")[0] for part in path.split("{")[1:]]:
        names[name] = PLAIN.get(name) or world[NAMES[name]]
        if chance.random() < 0.2:
            names[name] = chance.choice(OTHERS)
            fits = False
    return path.format(**names), fits


def condition(operation, chance):
    """Return a precondition, and whether it fits what is there and can be read."""
    takes = {one["name"] for one in operation["parameters"]}
    if "If-Match" not in takes or chance.random() < 0.5:
        return {}, True
    given = chance.choice(["*", "*", '"stale"', 'W/"stale.0"', "stale", "0", '"'])
    return {"HTTP_IF_MATCH": given}, given == "*"


@pytest.mark.parametrize("operation_id", ENDINGS)
def test_ending_ends_the_thing_that_is_named_or_changes_nothing(
    api, world, chance, operation_id
):
    method, path, operation = exchanges.template_of(operation_id)
    ending, client = ENDINGS[operation_id], api("admin")
    ended = 0
    for _ in range(CASES):
        address, is_there = address_of(path, world, chance)
        headers, holds = condition(operation, chance)
        body, has_shape = None, True
        if ending.fields:
            body = drawn(chance, ending.fields, ending.always)
            body = chance.choice(ODD[1:]) if chance.random() < 0.05 else body
            (content,) = operation["requestBody"]["content"].values()
            has_shape = not SHAPES.faults(content["schema"], body)
        mark = transaction.savepoint()
        before = AuditEntry.objects.count()

        answer = getattr(client, method)(address, body, format="json", **headers)
        let_go(answer)

        case = (address, headers, body, answer.status_code, answer.content)
        assert str(answer.status_code) in operation["responses"], case
        is_done = answer.status_code < 300
        assert not is_done or (is_there and holds and has_shape), case
        assert is_done or AuditEntry.objects.count() == before, case
        fits = is_there and holds and has_shape
        assert is_done or not fits or answer.status_code in {409, 422}, case
        ended += is_done
        transaction.savepoint_rollback(mark)
    assert ended > 0
