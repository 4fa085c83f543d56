"""Comparison of deployments on older reading rules with the newest, once each."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.spec import spec_of
from deployments.reconciler.transient_errors import retried_next_pass
from deployments.serving import readings
from deployments.serving.terms import ReadingComparison, TargetBusy, TargetRefused
from deployments.targets.base import Target


@dataclass(frozen=True, slots=True)
class Comparing:
    """Looks at one deployment at a time; what it costs is one validation each."""

    lease: Lease
    rules: Mapping[str, EnvironmentRule]
    targets: Mapping[str, Target]

    def look(self) -> bool:
        """Continue with the next one; return False if there is none or it failed."""
        rows = Deployment.objects.serving().select_related(
            "slot__model", "model_version", "artifact"
        )
        outdated = rows.filter(
            reading__lt=readings.NEWEST, compared_with__lt=readings.NEWEST
        )
        deployment = outdated.order_by("created_at", "pk").first()
        if deployment is None:
            return False
        with retried_next_pass("compare rules of reading"):
            self._compare(deployment)
            return True
        return False

    def _compare(self, deployment: Deployment) -> None:
        try:
            found = self._asked(deployment)
        except TargetBusy:
            return
        except TargetRefused as refused:
            self._note(deployment, {"unknown": str(refused)})
        else:
            if found is not None:
                differences = [*found.differences]
                kept = {"differences": differences, "requests": found.requests}
                self._note(deployment, kept)

    def _asked(self, deployment: Deployment) -> ReadingComparison | None:
        """Return where it would answer otherwise if it were deployed again."""
        name = deployment.environment
        rule = EnvironmentRule.among(self.rules, name)
        now = spec_of(deployment, rule)
        if now.file.folder is not None:
            return ReadingComparison((), 0)
        again = copy(deployment)
        again.reading, again.signature = readings.NEWEST, {}
        return self.targets[name].compare(spec_of(again, rule), now)

    def _note(self, deployment: Deployment, found: dict[str, object]) -> None:
        with self.lease.held():
            deployment.note_comparison(readings.NEWEST, found)
