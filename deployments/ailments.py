"""What can be wrong with deployments: stuck ones, and interpreters that will not do."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from deployments.models import AlertDelivery, Deployment, EnvironmentRule
from deployments.models.watch import Watch
from deployments.serving.child.fresh import OLDEST
from deployments.states import IN_PROGRESS, OPEN, DeliveryState, Status
from mlops.core.ids import as_uuid
from mlops.doctor.findings import Ailment, Symptom
from mlops.doctor.quarantine import QuarantineFolder

OVERDUE: Final = timedelta(minutes=10)
LATE: Final = timedelta(minutes=5)
PATIENCE_S: Final = 20
OLD_S: Final = 3600.0
# What `deployments/serving/child/fresh.py` asks of an interpreter.
_ASK: Final = "import sys; print('%d.%d' % sys.version_info[:2]); import numpy"
_RECONCILER: Final = (
    "`manage.py reconcile` moves it; does it run, and what does it log?"
)


def examine() -> Iterator[Symptom]:
    yield from _stuck()
    yield from _interpreters()
    yield from _messages()
    yield from _samples(QuarantineFolder(Path(settings.DATA_DIR)))


def _stuck() -> Iterator[Symptom]:
    watch, rules = Watch.read(), EnvironmentRule.objects.in_bulk()
    rows = Deployment.objects.filter(status__in=OPEN).select_related("slot__model")
    for row in rows:
        rule = rules.get(row.slot.environment)
        deadline = timedelta(seconds=rule.progress_deadline_s if rule else 300)
        if row.status in IN_PROGRESS:
            since = row.step_started_at
            if watch.now - since > deadline + LATE:
                text = f"{row} has been {row.status} since {since:%Y-%m-%d %H:%M}."
                yield _stuck_one(row, text)
        elif _is_forgotten(row, watch):
            text = f"{row} is active, and nobody has looked at it since "
            when = row.judged_at or row.deployed_at or row.created_at
            yield _stuck_one(row, f"{text}{when:%Y-%m-%d %H:%M}.")


def _is_forgotten(row: Deployment, watch: Watch) -> bool:
    last = row.judged_at or row.deployed_at or row.created_at
    return row.status == Status.ACTIVE and watch.now - last > OVERDUE


def _stuck_one(row: Deployment, text: str) -> Symptom:
    where = f"deployments.deployment {row.pk}"
    return Symptom(Ailment.STUCK, where, text, _RECONCILER)


def _interpreters() -> Iterator[Symptom]:
    for rule in EnvironmentRule.objects.exclude(interpreter=""):
        if why := _refused(rule.interpreter):
            yield Symptom(
                Ailment.INTERPRETER,
                f"deployments.environmentrule {rule.pk}",
                f"{rule.interpreter}: {why}",
                "Name another one in the environment's rule, or none.",
            )


def _refused(program: str) -> str:
    """Return why models cannot run in the interpreter; "" if they can."""
    try:
        asked = subprocess.run(  # noqa: S603 - what an admin named
            [program, "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be started ({type(error).__name__})."
    version = asked.stdout.strip()
    if not version.replace(".", "", 1).isdigit():
        return "it is no Python."
    if tuple(map(int, version.split("."))) < OLDEST:
        least = ".".join(map(str, OLDEST))
        return f"it is Python {version}; {least} or newer is needed."
    return "it has no numpy." if asked.returncode else ""


def _messages() -> Iterator[Symptom]:
    before = timezone.now() - timedelta(days=1)
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING)
    for one in waiting.filter(hook__is_enabled=True, next_at__lt=before):
        yield Symptom(
            Ailment.HALF_MADE,
            f"deployments.alertdelivery {one.pk}",
            f"It was to be sent at {one.next_at:%Y-%m-%d %H:%M}, and was not.",
            "The worker (`manage.py reconcile`) does that; does it run?",
        )


def _samples(quarantine: QuarantineFolder) -> Iterator[Symptom]:
    """Yield live samples and logs of deployments that there are not."""
    data, latest = Path(settings.DATA_DIR), timezone.now().timestamp() - OLD_S
    for pattern in ("samples/*", "run/logs/*.log*"):
        found = {
            path: as_uuid(path.name.partition(".")[0]) for path in data.glob(pattern)
        }
        ids = {pk for pk in found.values() if pk}
        known = set(Deployment.objects.filter(pk__in=ids).values_list("pk", flat=True))
        for path, pk in sorted(found.items()):
            if (
                pk
                and pk not in known
                and path.exists()
                and path.stat().st_mtime < latest
            ):
                where = str(path.relative_to(data))
                what = "It is of a deployment that there is not."
                yield quarantine.stray(where, what)
