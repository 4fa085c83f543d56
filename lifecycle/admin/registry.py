"""Registered models, with their versions and aliases."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from lifecycle.admin.base import EMPTY, link_to, link_to_list, moment, staff, table
from lifecycle.models import ModelVersion, RegisteredModel
from lifecycle.states import ModelStage
from mlops.core.admin.base import VerbAdmin, made_once

SHOWN_VERSIONS = 50


@admin.register(RegisteredModel)
class RegisteredModelAdmin(VerbAdmin):
    list_display = (
        "name",
        "version_count",
        "in_production",
        "alias_list",
        "updated_at",
    )
    list_filter = ("created_by", "created_at")
    search_fields = ("name", "description")
    fields = (
        "name",
        "description",
        "created_by",
        "created_at",
        "alias_list",
        "versions",
        "alias_history",
    )
    readonly_fields = tuple(name for name in fields if name != "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisteredModel]:
        rows: QuerySet[RegisteredModel] = super().get_queryset(request)
        serving = Q(versions__stage=ModelStage.PRODUCTION)
        counted = rows.annotate(
            total=Count("versions", distinct=True),
            production=Count("versions", filter=serving, distinct=True),
        )
        return counted.select_related("created_by").prefetch_related("aliases__version")

    @admin.display(description=_("versions"), ordering="total")
    def version_count(self, model: RegisteredModel) -> SafeString:
        count = str(getattr(model, "total", 0))
        return link_to_list(ModelVersion, count, model__id__exact=model.pk)

    @admin.display(description=_("in production"), ordering="production")
    def in_production(self, model: RegisteredModel) -> int:
        return getattr(model, "production", 0)

    @admin.display(description=_("aliases"))
    @made_once
    def alias_list(self, model: RegisteredModel) -> str:
        shown = [f"{one.alias} → {one.version.version}" for one in model.aliases.all()]
        return ", ".join(shown) or EMPTY

    @admin.display(description=_("versions"))
    @made_once
    def versions(self, model: RegisteredModel) -> SafeString | str:
        found = model.versions.select_related("approved_by", "run", "model")
        rows = [
            (
                link_to(one, one.version),
                one.get_stage_display(),
                one.approved_by or EMPTY,
                link_to(one.run),
                moment(one.created_at),
            )
            for one in found[:SHOWN_VERSIONS]
        ]
        head = (_("version"), _("stage"), _("approved by"), _("run"), _("created"))
        return table(head, rows)

    @admin.display(description=_("history of aliases"))
    @made_once
    def alias_history(self, model: RegisteredModel) -> SafeString | str:
        rows = [
            (
                moment(one.changed_at),
                one.alias,
                one.from_number or EMPTY,
                one.to_number or EMPTY,
                one.changed_by or EMPTY,
            )
            for one in model.alias_changes.select_related("changed_by")[:SHOWN_VERSIONS]
        ]
        head = (_("changed"), _("alias"), _("from"), _("to"), _("by"))
        return table(head, rows)

    def save_model(
        self,
        request: HttpRequest,
        obj: RegisteredModel,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        if "description" in form.changed_data:
            obj.describe(form.cleaned_data["description"], by=staff(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A model comes with its first version."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
