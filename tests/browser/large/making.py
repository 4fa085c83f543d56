"""A store as a company has it after a year: many rows, some of which really serve.

`make` runs inside a live stack (`manage.py shell`): what has ended or waits is rows,
what has to answer is deployed by the stack's own worker.
"""

import json
import random
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from lifecycle.models import ModelVersion, NewCheck, RegisteredModel, Run
from mlops.core.models import ApiToken, User
from tests.browser.large import SUBJECTS
from tests.browser.large.serving import ended, serve
from tests.browser.large.tracking import experiments
from tests.deployments.targets.models import onnx_bytes
from tests.lifecycle.factories import stored

PEOPLE = {
    "vera": "viewer",
    "dan": "deployer",
    "ana": "approver",
    "noor": "approver",
    "sam": "data scientist",
}

Facts = dict[str, Any]


def make(password: str) -> None:
    """Fill the store; leave what the tests draw from in `facts.json`."""
    people = _people(password)
    with transaction.atomic():
        facts: Facts = {"experiments": experiments(people["sam"])}
        ended(_models())
    facts |= _registry(people) | serve()
    _token, facts["token"] = ApiToken.issue(people["sam"], "uploads")
    path = Path(settings.DATA_DIR) / "facts.json"
    path.write_text(json.dumps(facts))


def _people(password: str) -> dict[str, User]:
    made = {}
    for name, role in PEOPLE.items():
        made[name] = User.objects.create_user(name, password=password, is_staff=True)
        made[name].groups.set(Group.objects.filter(name=role))
    return made


def _models() -> list[RegisteredModel]:
    return RegisteredModel.objects.bulk_create(
        RegisteredModel(name=name, description=f"Scores of {name}") for name in SUBJECTS
    )


def _registry(people: dict[str, User]) -> Facts:
    """Register what waits, what is approved, and who moved what between stages."""
    author = people["sam"]
    runs = iter(Run.objects.order_by("pk")[: 2 * len(SUBJECTS)])
    checks = [NewCheck("documented"), NewCheck("bias reviewed")]
    waiting, approved, moves = [], [], {}
    for shift, name in enumerate(SUBJECTS):
        version = ModelVersion.register(
            name, by=author, run=next(runs), version="1.0", checklist=checks
        )
        waiting.append(str(version))
        run = next(runs)
        stored(run, content=onnx_bytes(shift % 3))
        ready = ModelVersion.register(name, by=author, run=run, version="2.0")
        approved.append(str(ready))
        who = random.choice(("ana", "noor"))
        reason = f"for the campaign of week {random.randrange(1, 53)}"
        ready.approve(by=people[who], notes="read and compared")
        ready.move_to_stage("staging", by=people[who], reason=reason)
        moves[name] = {"who": who, "reason": reason}
    return {"waiting": waiting, "approved": approved, "moves": moves}
