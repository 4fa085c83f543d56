"""A deployment's page of work: how it is now, how it was, and what one does with it."""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deployments.admin.buttons import Buttons, fitting
from deployments.admin.verbs import VERBS, Verb
from deployments.models import (
    Deployment,
    DeploymentEvent,
    DeploymentKey,
    TrafficWindow,
)
from deployments.models.figures import Figures
from deployments.models.report import WINDOWS
from deployments.models.watch import Watch
from deployments.serving.oip import metadata
from deployments.serving.oip.examples import example_request, unfilled
from deployments.states import FINAL, Health, Status
from mlops.core.admin.base import staff
from mlops.core.admin.work import WorkPage
from mlops.core.stream_port import stream_origin

STATUS_CLASSES = {
    Status.ACTIVE: "good",
    Status.FAILED: "bad",
    Status.ROLLBACK: "warn",
    Status.TERMINATED: "quiet",
}
HEALTH_CLASSES = {
    Health.HEALTHY: "good",
    Health.DEGRADED: "warn",
    Health.UNHEALTHY: "bad",
}
SHOWN_KEYS = 10
SHOWN_EVENTS = 200
SHOWN_FOR = timedelta(days=30)
_LISTS = re.compile(r"\[[^][{}]*\]")
"""Lists of plain values: they are easier to read in one line."""
API = "/api/v1/ml/lifecycle/deployments"


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """A share of a canary's traffic, and whether it is behind, present or to come."""

    percent: int
    state: str


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """How far a canary or shadow has come; `until` is when its next step is due."""

    kind: str | Promise
    steps: list[RolloutStep]
    until: datetime | None

    @classmethod
    def of(cls, deployment: Deployment) -> "RolloutProgress | None":
        """Return it, None where nothing rolls out."""
        if not deployment.is_rolling_out:
            return None
        plan, at = deployment.plan.strategy, deployment.rollout_step
        steps = [
            RolloutStep(percent, "past" if n < at else "present" if n == at else "next")
            for n, percent in enumerate(plan.steps)
        ]
        until = None
        if steps and not deployment.is_paused and deployment.rollout_at is not None:
            until = deployment.rollout_at + timedelta(seconds=plan.seconds_per_step)
        return cls(plan.kind.label, steps, until)


class DeploymentWork(WorkPage, Buttons):
    """Gives each deployment its page of work."""

    work_template = "deployments/work.html"
    work_title = _("Live")

    def work_connects(self, request: HttpRequest, obj: Any) -> Iterable[str]:
        """Return where models answer and streams are: the page asks them itself."""
        found = urlsplit(settings.SERVING_URL)
        streams = stream_origin(request)
        return (f"{found.scheme}://{found.netloc}", *((streams,) if streams else ()))

    def to_page(self, pk: object) -> HttpResponse:
        """Go to the page of work: that is where one sees what became of it."""
        name = "admin:deployments_deployment_work"
        return HttpResponseRedirect(reverse(name, args=[pk]))

    def work_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        deployment: Deployment = obj
        watch = Watch.read()
        undoing = Deployment.objects.undoing([deployment.pk]).get(deployment.pk)
        totals = TrafficWindow.objects.totals([deployment.pk])
        has_traffic = deployment.is_current or deployment.is_rolling_out
        return {
            "deployment": deployment,
            "is_over": deployment.status in FINAL,
            "watch": watch,
            "status_class": STATUS_CLASSES.get(Status(deployment.status), ""),
            "health": watch.health_of(deployment),
            "health_class": HEALTH_CLASSES[watch.health_of(deployment)],
            "health_reason": watch.reason_of(deployment),
            "pending_end": watch.pending_end_of(deployment, undoing),
            "instances": _instances_of(deployment),
            **_figures(totals.get(deployment.pk, Figures())),
            "rollout": RolloutProgress.of(deployment),
            "verbs": self._verbs(request, deployment),
            "windows": list(WINDOWS),
            "keys": _keys_of(deployment),
            "may_make_keys": self.has_issue_key_permission(request),
            "has_traffic": has_traffic,
            "example": _example_of(deployment),
            "data": self._data(request, deployment),
        }

    def _verbs(self, request: HttpRequest, deployment: Deployment) -> list[Verb]:
        """Return what fits the status and what the person may do."""
        fits = {name.removesuffix("_this") for name in fitting(deployment)}
        place = f"deployments.deploy_to_{deployment.environment}"
        may_steer = self.has_change_permission(request, deployment)
        may_steer = may_steer and staff(request).has_perm(place)
        may_return = self.has_roll_back_permission(request)
        return [
            verb
            for verb in VERBS
            if verb.name in fits
            and (may_return if verb.name == "roll_back" else may_steer)
        ]

    def _data(self, request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
        """Return what the page's script starts with."""
        return {
            "api": f"{API}/{deployment.pk}",
            "stream": f"{stream_origin(request)}{API}/{deployment.pk}/stream",
            "pages": reverse("admin:deployments_deployment_changelist"),
            "id": str(deployment.pk),
            "revision": deployment.revision,
            "shown": {
                "status": deployment.status,
                "ready_instances": deployment.ready_instances,
                "traffic_percent": deployment.traffic_percent,
            },
            "isOver": deployment.status in FINAL,
            "events": _events_around(deployment),
        }


def _figures(figures: Figures) -> dict[str, str]:
    return {
        "request_count": f"{figures.request_count:,}",
        "error_rate": f"{100 * figures.error_rate:.2f} %",
        "unavailable_rate": f"{100 * figures.unavailable_rate:.2f} %",
    }


def _instances_of(deployment: Deployment) -> str:
    low, high = deployment.plan.bounds()
    return f"{low} … {high}" if deployment.auto_scaling else str(deployment.instances)


def _keys_of(deployment: Deployment) -> list[tuple[DeploymentKey, Any]]:
    """Return the newest valid keys of the endpoint, and their use."""
    keys = deployment.slot.keys.live().filter(deployment=None)
    found = list(keys.select_related("created_by")[:SHOWN_KEYS])
    usage = DeploymentKey.usage_of(found)
    return [(key, usage[key.digest]) for key in found]


def _example_of(deployment: Deployment) -> dict[str, Any]:
    """Return the address below an endpoint and a body that its signature takes."""
    model = deployment.slot.model.name
    signature = metadata.signature_in(deployment.signature)
    path, body = example_request(signature, model)
    return {
        "path": path,
        "unfilled": unfilled(body),
        "body": _LISTS.sub(_in_a_line, json.dumps(body, indent=2, ensure_ascii=False)),
        "curl": _curl(deployment.endpoint + path, body),
        "python": _python(deployment.endpoint + path, body),
    }


def _in_a_line(found: re.Match[str]) -> str:
    return re.sub(r"\s*\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]")


def _curl(url: str, body: Any) -> str:
    line = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        f"curl {shlex.quote(url)} \\\n"
        '  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {line}\n"
    )


def _python(url: str, body: Any) -> str:
    return (
        "import json\nimport os\nimport urllib.request\n\n"
        "request = urllib.request.Request(\n"
        f"    {url!r},\n"
        f"    json.dumps({body!r}).encode(),\n"
        "    {\n"
        "        'Authorization': f\"Bearer {os.environ['KEY']}\",\n"
        "        'Content-Type': 'application/json',\n"
        "    },\n"
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        "    print(json.load(answer))\n"
    )


def _events_around(deployment: Deployment) -> list[dict[str, Any]]:
    """Return what happened in the slot, the newest first: charts are read with it."""
    events = DeploymentEvent.objects.filter(
        deployment__slot=deployment.slot_id, at__gte=timezone.now() - SHOWN_FOR
    )
    rows = events.order_by("-at").values_list(
        "deployment__revision", "at", "from_status", "to_status", "message"
    )
    return [
        {
            "revision": revision,
            "at": int(at.timestamp() * 1000),
            "from": before,
            "to": after,
            "message": message,
        }
        for revision, at, before, after, message in rows[:SHOWN_EVENTS]
    ]
