"""Forms of the staff's pages; the rules behind them are the models'."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from deployments.instance_types import INSTANCE_TYPES, MAX_INSTANCES
from deployments.models.drift import LONGEST_S
from deployments.models.key import MOST_CALLS
from deployments.plan import (
    LIMITS,
    STEP_S,
    STICKY_HEADER,
    TIMEOUT_S,
    DeploymentPlan,
    Strategy,
)
from deployments.states import Environment, Rollout, StickyBy
from lifecycle.models import ModelVersion
from lifecycle.states import ModelStage
from mlops.core.admin.confirm import ReasonField
from mlops.core.ids import as_uuid

MOST_OFFERED = 200
"""Versions that a list to choose from has at most."""
MOST_REASON = 10_000
"""Characters, as in the REST contract."""


def _whole(label: Any, least: int, most: int, **more: Any) -> forms.IntegerField:
    """Return a field for a whole number that may be left out."""
    return forms.IntegerField(
        required=False,
        min_value=least,
        max_value=most,
        label=label,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )


class VersionChoice(forms.ModelChoiceField[ModelVersion]):
    """Versions with what decides whether they may be deployed; any may be sent.

    A list of all would be thousands of lines long: offered are those of the model that
    is asked for, else the newest.
    """

    def __init__(self) -> None:
        super().__init__(
            queryset=ModelVersion.objects.without_prompts().select_related("model"),
            label=_("model version"),
            widget=UnfoldAdminSelectWidget(),
        )

    def label_from_instance(self, obj: Any) -> str:
        approval = gettext("not approved")
        if obj.approved_by:
            approval = gettext("approved by %(name)s") % {"name": obj.approved_by}
        return f"{obj} · {obj.get_stage_display()} · {approval}"

    def offer(self, chosen: Any) -> None:
        """Show the versions of the chosen one's model, without one the newest."""
        models = ModelVersion.objects.without_prompts()
        every = models.select_related("model", "approved_by")
        rows = every.exclude(stage=ModelStage.ARCHIVED)
        pk = as_uuid(str(chosen or ""))
        found = every.filter(pk=pk).first() if pk else None
        if found:
            rows = every.filter(model=found.model_id)
        shown = list(rows.order_by("-created_at")[: MOST_OFFERED + 1])
        if len(shown) > MOST_OFFERED:
            self.help_text = gettext(
                "The newest %(count)s; the page of a model has its older versions."
            ) % {"count": MOST_OFFERED}
        offered = shown[:MOST_OFFERED]
        if found and found not in offered:
            offered.append(found)
        lines = [(one.pk, self.label_from_instance(one)) for one in offered]
        self.choices = [("", "—"), *lines]


class DeployForm(forms.Form):
    """A requested deployment: version, environment, size and rollout."""

    model_version = VersionChoice()
    environment = forms.ChoiceField(
        choices=Environment.choices,
        label=_("environment"),
        widget=UnfoldAdminSelectWidget(),
    )
    instances = forms.IntegerField(
        min_value=1,
        max_value=MAX_INSTANCES,
        initial=1,
        label=_("instances"),
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    instance_type = forms.ChoiceField(
        choices=[(name, name) for name in INSTANCE_TYPES],
        label=_("instance type"),
        widget=UnfoldAdminSelectWidget(),
    )
    auto_scaling = forms.BooleanField(
        required=False, label=_("auto scaling"), widget=UnfoldBooleanSwitchWidget()
    )
    min_instances = _whole(_("fewest instances"), 1, MAX_INSTANCES)
    max_instances = _whole(_("most instances"), 1, MAX_INSTANCES)
    timeout_s = _whole(
        _("time limit (s)"),
        *LIMITS["timeout_s"],
        help_text=_("Of one prediction; empty for %(default)s.")
        % {"default": TIMEOUT_S},
    )
    max_concurrency = _whole(
        _("requests at once"),
        *LIMITS["max_concurrency"],
        help_text=_("Of one instance; empty for 100."),
    )
    max_body_bytes = _whole(
        _("largest body (bytes)"),
        *LIMITS["max_body_bytes"],
        help_text=_("Empty for that of the server (MLOPS_MAX_BODY_BYTES)."),
    )
    strategy = forms.ChoiceField(
        choices=Rollout.choices, label=_("strategy"), widget=UnfoldAdminSelectWidget()
    )
    steps = forms.CharField(
        required=False,
        label=_("canary steps"),
        help_text=_("Shares of the traffic in percent, such as 10, 50."),
        widget=UnfoldAdminTextInputWidget(),
    )
    seconds_per_step = forms.IntegerField(
        min_value=1,
        initial=STEP_S,
        label=_("seconds per step"),
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    sticky_by = forms.ChoiceField(
        choices=StickyBy.choices,
        required=False,
        label=_("callers are identified by"),
        help_text=_("Who got a canary's new version keeps it as its share grows."),
        widget=UnfoldAdminSelectWidget(),
    )
    sticky_header = forms.CharField(
        required=False,
        max_length=64,
        label=_("name of the header"),
        help_text=_("For callers identified by a header; empty means %(default)s.")
        % {"default": STICKY_HEADER},
        widget=UnfoldAdminTextInputWidget(),
    )
    notes = forms.CharField(
        required=False, label=_("notes"), widget=UnfoldAdminTextareaWidget()
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        versions: Any = self.fields["model_version"]
        sent, known = self.data.get("model_version"), self.initial.get("model_version")
        versions.offer(sent or known)

    def clean_steps(self) -> tuple[int, ...]:
        words = self.cleaned_data["steps"].replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() for word in words):
            raise forms.ValidationError(_("Give whole numbers, parted by commas."))
        return tuple(int(word[:9]) for word in words)

    def plan(self) -> DeploymentPlan:
        """Return the size and the strategy that the valid form asks for."""
        cleaned: dict[str, Any] = self.cleaned_data
        strategy = Strategy(
            Rollout(cleaned["strategy"]),
            cleaned["steps"],
            cleaned["seconds_per_step"],
            StickyBy(cleaned["sticky_by"] or StickyBy.REQUEST),
            cleaned["sticky_header"] or STICKY_HEADER,
        )
        numbers = {name: cleaned[name] for name in ("min_instances", "max_instances")}
        return DeploymentPlan(
            cleaned["instances"],
            cleaned["instance_type"],
            cleaned["auto_scaling"],
            strategy=strategy,
            **numbers,
            **{name: cleaned[name] for name in LIMITS},
        )


class DeploymentReasonForm(forms.Form):
    reason = ReasonField(max_length=MOST_REASON, widget=UnfoldAdminTextareaWidget())


class KeyForm(forms.Form):
    name = forms.CharField(
        max_length=100, label=_("name"), widget=UnfoldAdminTextInputWidget()
    )
    expires_at = forms.DateTimeField(
        required=False,
        label=_("expires"),
        help_text=_("UTC; empty for never"),
        widget=UnfoldAdminTextInputWidget(),
    )
    rate_per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_CALLS,
        label=_("calls a minute"),
        widget=UnfoldAdminTextInputWidget(),
    )
    daily_quota = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_CALLS,
        label=_("calls a day"),
        widget=UnfoldAdminTextInputWidget(),
    )


class DriftForm(forms.Form):
    window_s = forms.IntegerField(
        min_value=60,
        max_value=LONGEST_S,
        label=_("of the last (s)"),
        widget=UnfoldAdminIntegerFieldWidget(),
    )
