"""What the list does with many deployments: each action asks first, and why."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from deployments.admin.buttons import STEERS, unfinished
from deployments.admin.forms import DeploymentReasonForm
from deployments.admin.pages import FormPages
from deployments.admin.verbs import VERBS
from deployments.models import Deployment
from mlops.core.admin.base import act
from mlops.core.models import User

CONFIRMED = "confirmed"
REPEATED = (ACTION_CHECKBOX_NAME, "select_across", "index", "action")
"""Fields of the list's form that the question sends on."""
WAITED_FOR = frozenset({"terminate", "cancel"})
MOST_NAMED = 50


class ListActions(FormPages):
    actions = ("roll_back", "terminate", "cancel", "promote")

    @admin.action(description=_("Roll back"), permissions=["roll_back"])
    def roll_back(
        self, request: HttpRequest, queryset: QuerySet[Deployment]
    ) -> HttpResponse | None:
        return self._on_many(request, queryset, "roll_back")

    @admin.action(description=_("Terminate"), permissions=["change"])
    def terminate(
        self, request: HttpRequest, queryset: QuerySet[Deployment]
    ) -> HttpResponse | None:
        return self._on_many(request, queryset, "terminate")

    @admin.action(description=_("Cancel"), permissions=["change"])
    def cancel(
        self, request: HttpRequest, queryset: QuerySet[Deployment]
    ) -> HttpResponse | None:
        return self._on_many(request, queryset, "cancel")

    @admin.action(description=_("Promote"), permissions=["change"])
    def promote(
        self, request: HttpRequest, queryset: QuerySet[Deployment]
    ) -> HttpResponse | None:
        return self._on_many(request, queryset, "promote")

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # history is not deleted
        return actions

    def _on_many(
        self, request: HttpRequest, rows: QuerySet[Deployment], verb: str
    ) -> HttpResponse | None:
        """Ask; once that is confirmed, call the verb on each row."""
        form = DeploymentReasonForm(request.POST if CONFIRMED in request.POST else None)
        if not form.is_valid():
            return self._question(request, rows, verb, form)
        reason = form.cleaned_data["reason"]

        def call(row: Deployment, by: User) -> None:
            target = row.rollout if verb in STEERS else row
            getattr(target, verb)(by=by, reason=reason)

        if verb in WAITED_FOR:
            act(self, request, rows, call, unfinished=unfinished)
        else:
            act(self, request, rows, call)
        return None

    def _question(
        self,
        request: HttpRequest,
        rows: QuerySet[Deployment],
        verb: str,
        form: DeploymentReasonForm,
    ) -> HttpResponse:
        asked = next(one for one in VERBS if one.name == verb)
        sent = [
            (name, value) for name in REPEATED for value in request.POST.getlist(name)
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": asked.label,
            "question": asked.effect,
            "button": asked.label,
            "form": form,
            "rows": rows.select_related("slot__model", "model_version")[:MOST_NAMED],
            "more": max(rows.count() - MOST_NAMED, 0),
            "hidden": [*sent, (CONFIRMED, "1")],
        }
        return TemplateResponse(request, "deployments/confirm.html", context)
