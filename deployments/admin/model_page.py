"""The page of a model: compare its versions, approve one, move it on, deploy it."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deployments.admin import model_board
from deployments.admin.lineage_picture import picture
from deployments.lineage import graph
from deployments.models import Deployment
from deployments.states import Environment
from lifecycle.admin import ModelVersionAdmin, RegisteredModelAdmin
from lifecycle.models import ModelVersion, NewCheck, RegisteredModel
from lifecycle.states import STAGE_MOVES, ChecklistStatus, ModelStage
from mlops.core.admin.base import address_of, staff
from mlops.core.admin.work import WorkPage, page_url
from mlops.core.context import reasoned
from mlops.core.errors import DomainError
from mlops.core.ids import as_uuid
from mlops.core.reasons import clean

LINEAGE_STEPS = 6
MOST_REASON = 2000

admin.site.unregister(RegisteredModel)


@admin.register(RegisteredModel)
class ModelPageAdmin(WorkPage, RegisteredModelAdmin):
    """Every button calls the verb that the API calls; what it refuses is shown."""

    work_template: ClassVar[str] = "registry/model.html"
    work_title: ClassVar[str | Promise] = gettext_lazy("Versions")

    def work_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return super().work_view(request, object_id)
        model = self.viewed(request, object_id)
        if any("\x00" in text for texts in request.POST.lists() for text in texts[1]):
            raise BadRequest
        version = _chosen(model, request.POST.get("version", ""))
        if version is None:
            raise Http404
        return HttpResponseRedirect(self._act(request, version) or _page_of(version))

    def work_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        board = model_board.versions(obj)
        asked = request.GET.get("version", "")
        version = _chosen(obj, asked) if asked else _first(board)
        if asked and version is None:
            raise Http404
        may = request.user.has_perm
        return {
            "places": model_board.places(obj),
            "board": board,
            "history": model_board.history(obj),
            "version": version,
            "checks": list(version.checklist.all()) if version else [],
            "statuses": ChecklistStatus.choices,
            "stages": _stages(version) if version else [],
            "lineage": _lineage(version) if version else None,
            "may_check": may("lifecycle.change_modelversion"),
            "may_approve": may("lifecycle.approve_modelversion"),
            "may_promote": may("lifecycle.promote_modelversion"),
            "may_deploy": may("deployments.add_deployment"),
            "environments": [
                (str(one), str(one.label))
                for one in Environment
                if may(f"deployments.deploy_to_{one}")
            ],
        }

    def _act(self, request: HttpRequest, version: ModelVersion) -> str:
        """Do what a button asks, if the person may; say what came of it.

        Returns the page of what was made, "" if nothing was.
        """
        permission, verb = _VERBS.get(request.POST.get("do", ""), ("", None))
        if verb is None or not request.user.has_perm(permission):
            raise PermissionDenied
        try:
            done = verb(request, version)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return ""
        if isinstance(done, Deployment):
            return address_of(done)
        self.message_user(request, done, messages.SUCCESS)
        return ""


admin.site.unregister(ModelVersion)


@admin.register(ModelVersion)
class VersionPageAdmin(ModelVersionAdmin):
    """Leads from a version to its place on the page of its model."""

    def get_urls(self) -> list[URLPattern]:
        to_model = path(
            "<uuid:pk>/work/",
            self.admin_site.admin_view(self.work_view),
            name="lifecycle_modelversion_work",
        )
        return [to_model, *super().get_urls()]

    def work_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
        return HttpResponseRedirect(_page_of(version))


def _check(request: HttpRequest, version: ModelVersion) -> str:
    version.set_checklist(_checks(request, version), by=staff(request))
    return _("The checklist is saved.")


def _approve(request: HttpRequest, version: ModelVersion) -> str:
    """Approve with the checklist as the form has it, both or neither."""
    may_check = request.user.has_perm("lifecycle.change_modelversion")
    checks = _checks(request, version) if may_check else None
    version.revise(
        by=staff(request), checklist=checks, approve=True, notes=_reason(request)
    )
    return _("%(version)s is approved.") % {"version": version}


def _reject(request: HttpRequest, version: ModelVersion) -> str:
    """Archive it: then nobody approves it by mistake, and the reason is kept."""
    reason = _reason(request)
    with reasoned(reason):
        version.move_to_stage(ModelStage.ARCHIVED, by=staff(request), reason=reason)
    return _("%(version)s is rejected, and archived.") % {"version": version}


def _move(request: HttpRequest, version: ModelVersion) -> str:
    stage = request.POST.get("stage", "")
    if stage not in ModelStage.values:
        raise PermissionDenied
    version.move_to_stage(stage, by=staff(request), reason=_reason(request))
    words = {"version": version, "stage": version.get_stage_display()}
    return _("%(version)s is now in stage %(stage)s.") % words


def _deploy(request: HttpRequest, version: ModelVersion) -> Deployment:
    """Ask for it in an environment as every plan begins; the form has the options."""
    environment = request.POST.get("environment", "")
    if environment not in Environment.values:
        raise PermissionDenied
    return Deployment.request(
        version, environment, by=staff(request), notes=_reason(request) or None
    )


VersionVerb = Callable[[HttpRequest, ModelVersion], str | Deployment]
_VERBS: dict[str, tuple[str, VersionVerb | None]] = {
    "check": ("lifecycle.change_modelversion", _check),
    "approve": ("lifecycle.approve_modelversion", _approve),
    "reject": ("lifecycle.promote_modelversion", _reject),
    "move": ("lifecycle.promote_modelversion", _move),
    "deploy": ("deployments.add_deployment", _deploy),
}


def _page_of(version: ModelVersion) -> str:
    """Return where the version stands on the page of its model."""
    return f"{page_url(version.model)}?version={version.pk}#version"


def _chosen(model: RegisteredModel, text: str) -> ModelVersion | None:
    """Return the version of this model with the id that a link or a form names."""
    pk = as_uuid(text)
    return model.versions.with_parts().filter(pk=pk).first() if pk else None


def _first(board: model_board.Versions) -> ModelVersion | None:
    """Return the newest version that waits for an approval, else the newest."""
    shown = [line.version for line in board.lines]
    waiting = (
        one
        for one in shown
        if one.approved_at is None
        and one.stage != ModelStage.ARCHIVED
        and one.checklist.all()
    )
    return next(waiting, shown[0] if shown else None)


def _checks(request: HttpRequest, version: ModelVersion) -> list[NewCheck]:
    """Return the checklist as the form has it; what the form leaves out stays."""
    found = []
    for item in version.checklist.all():
        status = request.POST.get(f"status-{item.pk}", item.status)
        if status not in ChecklistStatus.values:
            raise PermissionDenied
        note = request.POST.get(f"note-{item.pk}", item.note or "").strip()
        found.append(NewCheck(item.name, ChecklistStatus(status), note or None))
    return found


def _stages(version: ModelVersion) -> list[tuple[str, str]]:
    """Return the stages that the version may move to."""
    return [
        (str(after), str(after.label))
        for before, after in STAGE_MOVES
        if before == version.stage
    ]


def _lineage(version: ModelVersion) -> Any:
    key = f"model_version:{version.pk}"
    return picture(graph(key, "both", LINEAGE_STEPS))


def _reason(request: HttpRequest) -> str:
    """Return why, as the form has it. Raises Invalid for one of blanks, or too long."""
    return clean(request.POST.get("reason", ""), field="reason", most=MOST_REASON)
