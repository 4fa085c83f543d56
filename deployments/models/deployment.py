"""A deployment: one version of a model, asked to serve in one slot."""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from deployments.errors import NotActive, SlotBusy
from deployments.models.moves import Moves, Step, require_permission
from deployments.models.queries import DeploymentQuerySet
from deployments.models.rollback import Rollback
from deployments.models.rollout import RolloutControl
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.plan import DeploymentPlan, Strategy
from deployments.serving.readings import FileReading, newest
from deployments.states import (
    STARTED,
    Environment,
    Health,
    Mover,
    Status,
    requestable_from,
)
from deployments.wake import wait_on_commit
from lifecycle.models import ModelVersion, servable
from mlops.core.errors import Invalid
from mlops.core.models import User
from mlops.core.models.nul_safe import NulSafeJSONField, NulSafeTextField


class Deployment(models.Model):
    """An intent to serve a model version, and how far it has come.

    `generation` counts changes of the row: a writer that read an older one loses.
    `attempts` counts tries of the present step. `artifact_sha256` copies the digest
    (of a folder, that of its file list), so that nothing done in the registry changes
    what is served. `signature` is what validation found, empty until then. `restores`
    is what a rollback brings back, `rollback_from` what it undoes. `rollout_at` is when
    the present rollout step got its traffic. `ends_as` is the status that somebody
    asked it to end with; `ending` has who (`by`, an id) and why (`message`). The status
    follows once no request can reach it. `judged_at` is exact to `JUDGED_S` seconds;
    who reads `health` checks `Lease.seen` too. For `reading` see `FileReading`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.ForeignKey(
        "deployments.Slot", models.PROTECT, related_name="deployments"
    )
    revision = models.PositiveIntegerField(_("revision"))
    model_version = models.ForeignKey(
        "lifecycle.ModelVersion",
        models.PROTECT,
        related_name="deployments",
        verbose_name=_("model version"),
    )
    artifact = models.ForeignKey(
        "lifecycle.Artifact", models.PROTECT, null=True, related_name="deployments"
    )
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    reading = models.PositiveSmallIntegerField(default=newest, editable=False)
    compared_with = models.PositiveSmallIntegerField(default=0, editable=False)
    comparison = NulSafeJSONField(default=dict, editable=False)

    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    generation = models.PositiveIntegerField(default=1)
    attempts = models.PositiveSmallIntegerField(default=0)
    signature = NulSafeJSONField(_("signature"), default=dict, editable=False)
    ends_as = models.CharField(
        max_length=16, choices=Status.choices, default="", blank=True, editable=False
    )
    ending = NulSafeJSONField(default=dict, editable=False)
    step_started_at = models.DateTimeField(auto_now_add=True)
    error_message = NulSafeTextField(_("error"), null=True, editable=False)

    instances = models.PositiveSmallIntegerField(
        _("instances"), default=1, validators=[MinValueValidator(1)]
    )
    instance_type = models.CharField(
        _("instance type"), max_length=50, default="standard"
    )
    auto_scaling = models.BooleanField(_("auto scaling"), default=False)
    min_instances = models.PositiveSmallIntegerField(null=True, blank=True)
    max_instances = models.PositiveSmallIntegerField(null=True, blank=True)
    strategy = models.JSONField(_("strategy"), default=dict, blank=True)
    timeout_s = models.PositiveSmallIntegerField(
        _("time limit (s)"), null=True, blank=True
    )
    max_concurrency = models.PositiveSmallIntegerField(
        _("requests at once"), null=True, blank=True
    )
    max_body_bytes = models.PositiveIntegerField(
        _("largest body (bytes)"), null=True, blank=True
    )

    rollout_step = models.PositiveSmallIntegerField(default=0, editable=False)
    rollout_at = models.DateTimeField(null=True, editable=False)
    is_paused = models.BooleanField(_("paused"), default=False, editable=False)
    is_promoted = models.BooleanField(_("promoted"), default=False, editable=False)
    ready_instances = models.PositiveSmallIntegerField(default=0, editable=False)
    health = models.CharField(
        _("health"),
        max_length=16,
        choices=Health.choices,
        default=Health.DEGRADED,
        editable=False,
    )
    health_reason = NulSafeTextField(
        _("why it is not healthy"), blank=True, default="", editable=False
    )
    judged_at = models.DateTimeField(_("judged"), null=True, editable=False)
    traffic_percent = models.PositiveSmallIntegerField(
        _("traffic (%)"), default=0, editable=False
    )

    notes = models.TextField(_("notes"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    reason = models.TextField(_("reason"), blank=True)
    rollback_from = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="rollbacks"
    )
    restores = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="restorations"
    )
    superseded_by = models.ForeignKey(
        "self", models.PROTECT, null=True, editable=False, related_name="superseded"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="deployments",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deployed_at = models.DateTimeField(_("deployed"), null=True, editable=False)
    terminated_at = models.DateTimeField(_("ended"), null=True, editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        permissions = (
            ("roll_back_deployment", "Can roll back a deployment"),
            ("deploy_to_development", "Can deploy to development"),
            ("deploy_to_staging", "Can deploy to staging"),
            ("deploy_to_production", "Can deploy to production"),
        )
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two requests for a slot that take the next revision at once.
            models.UniqueConstraint(
                fields=["slot", "revision"], name="deployment_revision"
            ),
            # The last word when two reconcilers activate at once: a slot serves one.
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status=Status.ACTIVE),
                name="one_active_deployment_of_a_slot",
            ),
            # Two reconcilers that begin two of a slot at once.
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(status__in=sorted(STARTED)),
                name="one_deployment_of_a_slot_in_progress",
            ),
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="deployment_status"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Each pass asks what is open or on its way, the oldest first. Not partial:
            # SQLite does not match a condition with bound parameters.
            models.Index(
                fields=["status", "created_at", "id"], name="deployments_by_status"
            ),
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_deployments"),
            # Each pass asks what was asked to end; nearly always nothing.
            models.Index(fields=["ends_as"], name="deployments_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.slot} r{self.revision}"

    # What people ask for ----------------------------------------------------------

    @classmethod
    def request(
        cls,
        version: ModelVersion,
        environment: str,
        *,
        by: User | None,
        plan: DeploymentPlan | None = None,
        notes: str | None = None,
    ) -> Self:
        """Ask for a version to serve in an environment; return the pending deployment.

        Raises Invalid, MayNotDeploy, ApprovalMissing, VersionArchived, or
        DeploymentInProgress when the very same is on its way already.
        """
        place = Environment(environment)
        if version.is_prompt:
            raise Invalid(f"{version} is a prompt.", field="model_version")
        plan = plan or DeploymentPlan()
        plan.check()
        require_permission(by, f"deploy_to_{place}")
        EnvironmentRule.of(place).require(version)
        slot, _ = Slot.objects.get_or_create(model=version.model, environment=place)
        with transaction.atomic():
            Slot.lock(slot.pk)
            slot.deployments.require_no_twin(version, plan)
            artifact = version.servable_artifact()
            created = cls(
                slot=slot,
                model_version=version,
                artifact=artifact,
                artifact_sha256=servable.digest_of(artifact) if artifact else "",
                created_by=by,
                notes=notes,
                **plan.columns(),
            )
            created.moves.enter(Step("deploy", by=by, message=notes or ""))
        return created

    def roll_back(
        self,
        *,
        by: User | None = None,
        reason: str = "",
        target: "Deployment | None" = None,
        mover: Mover = Mover.USER,
    ) -> "Deployment":
        """Return the slot to the newest earlier version that served there.

        Returns the new, pending deployment of that version (see `Rollback`); this one
        serves until that one is active. Other deployments on their way are cancelled,
        and no approval is needed: a rollback is an emergency. Raises NotActive,
        NoEarlierDeployment or DeploymentInProgress; then no row has changed.
        """
        require_permission(by, "roll_back_deployment")
        return Rollback(self).begin(Step("roll_back", mover, by, reason), target)

    def find_target(self, text: str) -> "Deployment":
        """Return what a client means by the target of a rollback of this one.

        The deployment with this id, else what `find` finds among those that served in
        this slot before. Raises NoSuchDeployment.
        """
        rows = type(self).objects.detailed()
        served = rows.served().filter(slot=self.slot_id, revision__lt=self.revision)
        return rows.with_id(text) or served.find(text)

    def cancel(self, *, by: User | None, reason: str = "") -> None:
        """Cancel what does not serve yet. Raises IllegalTransition once it serves.

        What is deploying may get requests at any moment: the reconciler ends it.
        """
        self.require_deployer(by)
        message = f"cancelled by {by or 'a person'}" + (f": {reason}" if reason else "")
        self.moves.end(Status.FAILED, Step("cancel", by=by, message=message))
        wait_on_commit()

    def terminate(self, *, by: User | None, reason: str = "") -> None:
        """Take what serves out of service, without a successor.

        The status changes once no gateway sends it requests. The caller's commit
        waits for that, a second at most. Raises NotActive.
        """
        self.require_deployer(by)
        if not self.is_current:
            raise NotActive(
                f"Only an active deployment can be terminated; this is {self.status}.",
                field="status",
            )
        self.moves.end(Status.TERMINATED, Step("terminate", by=by, message=reason))
        wait_on_commit()

    def request_status(self, status: str, *, by: User | None, reason: str = "") -> None:
        """Do what a client's request for a status stands for.

        `failed` cancels, `rollback` rolls back, `terminated` retires. Raises
        IllegalTransition, naming what could be asked for, for anything else.
        """
        if status not in self.allowed_statuses:
            raise self.moves.refusal(status)
        if status == Status.FAILED:
            self.cancel(by=by, reason=reason)
        elif status == Status.TERMINATED:
            self.terminate(by=by, reason=reason)
        else:
            self.roll_back(by=by, reason=reason)

    # What the reconciler does -----------------------------------------------------

    def begin_validating(self, message: str = "") -> None:
        """Begin to validate; `message` says which isolation the machine lacks.

        Raises SlotBusy, or what `EnvironmentRule.require` raises.
        """
        self.require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            if self.slot.deployments.started().exclude(pk=self.pk).exists():
                raise SlotBusy(f"Another deployment of {self.slot} is under way.")
            self.moves.go(Status.VALIDATING, Step.of_reconciler("validate", message))

    def begin_deploying(
        self, message: str = "", signature: dict[str, Any] | None = None
    ) -> None:
        """Begin to deploy what was validated; the gate is checked again."""
        self.require_gate()
        columns = {"signature": signature or {}}
        self.moves.go(Status.DEPLOYING, Step.of_reconciler("start", message), **columns)

    def activate(self) -> None:
        """Make it the slot's active one and end the one before, in one move."""
        self.require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self.moves.require_legal(Status.ACTIVE, Mover.RECONCILER)
            if (previous := self.slot.active) is not None:
                previous.make_way_for(self)
            columns = {"deployed_at": timezone.now(), "is_paused": False}
            self.moves.go(Status.ACTIVE, self.rollout.activation, **columns)

    def make_way_for(self, successor: "Deployment") -> None:
        """End what served, in the transaction that activates its successor."""
        by, number = successor.created_by, successor.revision
        if successor.rollback_from_id != self.pk:
            to, message = Status.TERMINATED, f"superseded by revision {number}"
        else:
            because = f": {successor.reason}" if successor.reason else ""
            to, message = Status.ROLLBACK, f"undone by revision {number}{because}"
        step = Step("make_way", Mover.RECONCILER, by, message)
        self.moves.go(to, step, superseded_by=successor)
        if to == Status.ROLLBACK:
            self.model_version.note_rollback(message, by=by)

    def fail(
        self, message: str, *, mover: Mover = Mover.RECONCILER, by: User | None = None
    ) -> None:
        """End what never came to serve; `message` says why, for people."""
        step = Step("fail", mover, by, message)
        self.moves.go(Status.FAILED, step, error_message=message)

    @transaction.atomic
    def end_as_requested(self) -> None:
        """End it as requested, on behalf of who asked; it gets no requests now."""
        by = User.objects.filter(pk=self.ending.get("by")).first()
        step = Step("end", Mover.RECONCILER, by, str(self.ending.get("message", "")))
        error = {"error_message": step.message} if self.ends_as == Status.FAILED else {}
        self.moves.go(Status(self.ends_as), step, **error)
        self.rollout.note_end()

    def record_attempt(self) -> int:
        """Count one more attempt at the present step; return the count."""
        self.moves.swap(attempts=self.attempts + 1)
        return self.attempts

    def record_health(
        self, health: str, ready_instances: int, reason: str = ""
    ) -> None:
        """Write what was observed; a change of an active one's health is an event."""
        has_changed = self.is_current and self.health != health
        message = f"{health} now: {reason}" if reason else f"{health} now"
        self.moves.observe(
            Step.of_reconciler("health", message if has_changed else ""),
            health=health,
            health_reason=reason,
            ready_instances=ready_instances,
            judged_at=timezone.now(),
        )

    def note_comparison(self, reading: int, found: dict[str, Any]) -> None:
        """Write what newer rules of reading answered; `compared_with`, `comparison`."""
        rows = type(self).objects.filter(pk=self.pk)
        rows.update(compared_with=reading, comparison=found)
        self.compared_with, self.comparison = reading, found

    def notice(self, message: str, *, mover: Mover = Mover.RECONCILER) -> None:
        """Append an event that moves nothing, unless it was the last message."""
        self.moves.notice(Step("notice", mover, message=message))

    def require_gate(self) -> None:
        """Raise what `EnvironmentRule.require` raises of the version as it is now."""
        if self.restores is None:
            version = ModelVersion.objects.get(pk=self.model_version_id)
            EnvironmentRule.of(self.environment).require(version)

    # Reads ------------------------------------------------------------------------

    @property
    def environment(self) -> str:
        return str(self.slot.environment)

    @property
    def endpoint(self) -> str:
        """Where the slot answers predictions."""
        return str(self.slot.endpoint)

    @property
    def own_endpoint(self) -> str:
        """Where it answers alone, whatever share of the slot it has."""
        return f"{settings.SERVING_URL}/serving/_d/{self.pk}"

    @property
    def file_reading(self) -> FileReading:
        """By which rules the file is read, and what is known of newer ones."""
        return FileReading(self.reading, self.compared_with, self.comparison)

    @property
    def reading_notes(self) -> list[str]:
        """What a person should know of how the file is read, in sentences."""
        return [*self.signature.get("notes", ()), *self.file_reading.notes]

    @property
    def is_current(self) -> bool:
        return self.status == Status.ACTIVE

    @property
    def is_rolling_out(self) -> bool:
        """Whether a canary or shadow of this one is under way."""
        return self.status == Status.DEPLOYING and self.rollout_at is not None

    @property
    def plan(self) -> DeploymentPlan:
        return DeploymentPlan.of(self, Strategy.of(self.strategy))

    @property
    def allowed_statuses(self) -> list[str]:
        """Which statuses a person may ask for: none if it is ending."""
        return [] if self.ends_as else requestable_from(self.status)

    @property
    def moves(self) -> Moves:
        """What writes this row."""
        return Moves(self)

    @property
    def rollout(self) -> RolloutControl:
        """What steers its canary or shadow."""
        return RolloutControl(self)

    def require_deployer(self, by: User | None) -> None:
        """Raise MayNotDeploy unless a person may deploy here; None is the system."""
        require_permission(by, f"deploy_to_{self.environment}")
