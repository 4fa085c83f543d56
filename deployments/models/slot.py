"""A slot is the one place of a model in an environment; its row is the lock."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from deployments.states import Environment


class Slot(models.Model):
    """What a deployment competes for: at most one is active in a slot."""

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
            models.UniqueConstraint(fields=["model", "environment"], name="slot")
        ]

    def __str__(self) -> str:
        return f"{self.model} in {self.environment}"
