"""A slot is the one place of a model in an environment; its row is the lock."""

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from deployments.states import Environment, Status

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment


class Slot(models.Model):
    """A model in an environment; at most one deployment is active in a slot."""

    model = models.ForeignKey(
        "lifecycle.RegisteredModel", models.PROTECT, related_name="slots"
    )
    environment = models.CharField(
        _("environment"), max_length=16, choices=Environment.choices
    )
    next_revision = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ("model", "environment")
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two first requests for a model and environment at once share the slot.
            models.UniqueConstraint(fields=["model", "environment"], name="slot")
        ]

    def __str__(self) -> str:
        return f"{self.model} in {self.environment}"

    @classmethod
    def lock(cls, pk: int) -> None:
        """Hold the slot until the transaction ends; others wait here.

        Locks are taken in this order: lease, slot, deployment, model version.
        """
        # SQLite has no FOR UPDATE, and Django leaves it out: there the transaction has
        # had the one write lock since its BEGIN IMMEDIATE (mlops.settings).
        row = cls.objects.select_for_update().filter(pk=pk).order_by()
        list(row.values_list("pk"))

    def take_revision(self) -> int:
        """Return the next revision's number; the caller holds the lock."""
        type(self).objects.filter(pk=self.pk).update(
            next_revision=F("next_revision") + 1
        )
        self.refresh_from_db(fields=["next_revision"])
        return self.next_revision - 1

    @property
    def active(self) -> "Deployment | None":
        """What serves here now."""
        return self.deployments.filter(status=Status.ACTIVE).first()

    @property
    def endpoint(self) -> str:
        """The address for predictions; it stays the same over all revisions."""
        name = quote(self.model.name, safe="")
        return f"{settings.SERVING_URL}/serving/{self.environment}/{name}"
