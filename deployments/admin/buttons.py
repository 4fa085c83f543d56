"""Buttons on a deployment's page: each asks for a reason, then calls its verb."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from deployments.admin.forms import DeploymentReasonForm, DriftForm, KeyForm
from deployments.admin.pages import FormPages
from deployments.drift import SampledPeriod, check_requests
from deployments.models import Deployment, DeploymentKey, DriftRule
from deployments.models.watch import Watch
from deployments.states import IN_PROGRESS, Status
from mlops.core.admin.base import staff

STEERS = frozenset({"promote", "pause", "resume", "abort"})
"""Verbs of a rollout; the others are the deployment's own."""
Press = Callable[[Any, HttpRequest, str], HttpResponse]


def _button(verb: str, label: Promise, permission: str) -> Press:
    def press(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        answer: HttpResponse = page.ask(request, verb, label, object_id)
        return answer

    press.__name__ = f"{verb}_this"
    made: Press = action(
        description=label, permissions=[permission], url_path=verb.replace("_", "-")
    )(press)
    return made


class Buttons(FormPages):
    """Shows the buttons that fit a deployment's status, and does what they say."""

    roll_back_this = _button("roll_back", gettext_lazy("Roll back"), "roll_back")
    terminate_this = _button("terminate", gettext_lazy("Terminate"), "change")
    cancel_this = _button("cancel", gettext_lazy("Cancel"), "change")
    promote_this = _button("promote", gettext_lazy("Promote"), "change")
    pause_this = _button("pause", gettext_lazy("Pause"), "change")
    resume_this = _button("resume", gettext_lazy("Resume"), "change")
    abort_this = _button("abort", gettext_lazy("Abort"), "change")
    actions_detail = (
        "roll_back_this",
        "terminate_this",
        "cancel_this",
        "promote_this",
        "pause_this",
        "resume_this",
        "abort_this",
        "issue_key",
        "check_drift",
    )

    @action(description=gettext_lazy("Check drift"), permissions=["change"])
    def check_drift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Compare the last live requests with the training data; show the outcome."""
        deployment = _required(object_id)
        rule = DriftRule.of(deployment.environment)

        def check(form: DriftForm) -> HttpResponse:
            now = timezone.now()
            since = now - timedelta(seconds=form.cleaned_data["window_s"])
            made = check_requests(
                deployment, SampledPeriod(since, now), by=staff(request)
            )
            url = reverse("admin:deployments_driftcheck_change", args=[made.pk])
            return HttpResponseRedirect(url)

        posted = request.POST if request.method == "POST" else None
        form = DriftForm(posted, initial={"window_s": rule.window_s})
        texts = {"title": _("Compare with the training data"), "button": _("Compare")}
        return self.form_page(request, form, check, texts)

    @action(description=gettext_lazy("Make a key"), permissions=["issue_key"])
    def issue_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a key of the endpoint; its text is shown once, as a message."""
        deployment = _required(object_id)

        def issue(form: KeyForm) -> HttpResponse:
            cleaned = form.cleaned_data
            _key, plain = DeploymentKey.issue(
                deployment.slot, by=staff(request), **cleaned
            )
            text = _("The key, shown this once: %(key)s") % {"key": plain}
            self.message_user(request, text, messages.WARNING)
            return self.to_page(object_id)

        form = KeyForm(request.POST if request.method == "POST" else None)
        texts = {"title": _("Make a key for the endpoint"), "button": _("Make")}
        return self.form_page(request, form, issue, texts)

    def ask(
        self, request: HttpRequest, verb: str, label: Promise, object_id: str
    ) -> HttpResponse:
        """Ask for the reason; then call the verb and show what became of it."""
        deployment = _required(object_id)

        def act(form: DeploymentReasonForm) -> HttpResponse:
            reason = form.cleaned_data["reason"]
            steered = deployment.rollout if verb in STEERS else deployment
            made = getattr(steered, verb)(by=staff(request), reason=reason)
            waits = unfinished(deployment)
            level = messages.WARNING if waits else messages.SUCCESS
            self.message_user(request, waits or _("Done."), level)
            return self.to_page(made.pk if made else object_id)

        form = DeploymentReasonForm(request.POST if request.method == "POST" else None)
        texts = {
            "title": f"{label}: {deployment}",
            "question": _("%(version)s, %(status)s") % _words(deployment),
            "button": label,
        }
        return self.form_page(request, form, act, texts)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons whose verb the deployment's status allows."""
        deployment = _found(object_id)
        fits = tuple(fitting(deployment)) if deployment else ()
        buttons = super().get_actions_detail(request, object_id)
        return [one for one in buttons if one.action_name.endswith(fits)]

    def has_roll_back_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff(request).has_perm("deployments.roll_back_deployment")

    def has_issue_key_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff(request).has_perm("deployments.add_deploymentkey")


def fitting(deployment: Deployment) -> Iterable[str]:
    """Yield the names of the buttons that a deployment's status allows."""
    yield from ("issue_key", "check_drift")
    if deployment.ends_as:
        return
    if deployment.status == Status.ACTIVE:
        yield from ("roll_back_this", "terminate_this")
    if deployment.is_rolling_out:
        yield from ("promote_this", "abort_this")
        yield "resume_this" if deployment.is_paused else "pause_this"
    elif deployment.status in IN_PROGRESS:
        yield "cancel_this"


def _found(object_id: object) -> Deployment | None:
    return Deployment.objects.detailed().with_id(str(object_id))


def _required(object_id: object) -> Deployment:
    deployment = _found(object_id)
    if deployment is None:
        raise Http404
    return deployment


def unfinished(deployment: Deployment) -> str:
    """Return what a requested end still waits for; "" if nothing."""
    now = _found(deployment.pk)
    return Watch.read().pending_end_of(now) if now else ""


def _words(deployment: Deployment) -> dict[str, str]:
    status = str(deployment.get_status_display())
    return {"version": str(deployment.model_version), "status": status}
