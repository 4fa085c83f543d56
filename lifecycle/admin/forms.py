"""Forms of the staff's pages; the rules behind them are the models'."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from lifecycle.models import Experiment, ModelVersion, NewCheck, Run
from lifecycle.paths import label_uri
from lifecycle.states import ExperimentStatus
from lifecycle.store.checklists import MAX_NAME
from mlops.core.models import User


class RunForm(forms.ModelForm[Run]):
    """A run that staff begin by hand, such as for a model from elsewhere."""

    class Meta:
        model = Run
        fields = ("experiment", "name", "notes")

    def clean_experiment(self) -> Experiment:
        experiment: Experiment = self.cleaned_data["experiment"]
        if experiment.status == ExperimentStatus.ARCHIVED:
            raise forms.ValidationError(_("An archived experiment takes no runs."))
        return experiment


class ArtifactUploadForm(forms.Form):
    file = forms.FileField(label=_("file"), widget=UnfoldAdminFileFieldWidget())
    path = forms.CharField(
        label=_("path"),
        required=False,
        max_length=1000,
        help_text=_("Relative to the run; left empty, the file's own name."),
        widget=UnfoldAdminTextInputWidget(),
    )


class RegisterForm(forms.Form):
    """What makes a run's result a version of a model."""

    model_name = forms.CharField(
        label=_("model"), max_length=256, widget=UnfoldAdminTextInputWidget()
    )
    version = forms.CharField(
        label=_("version"),
        max_length=100,
        required=False,
        help_text=_("Left empty, it is the next number."),
        widget=UnfoldAdminTextInputWidget(),
    )
    artifact_path = forms.CharField(
        label=_("artifact path"),
        max_length=1000,
        required=False,
        help_text=_("A file of the run; left empty, its only servable file."),
        widget=UnfoldAdminTextInputWidget(),
    )
    description = forms.CharField(
        label=_("description"), required=False, widget=UnfoldAdminTextareaWidget()
    )
    checklist = forms.CharField(
        label=_("checklist"),
        required=False,
        help_text=_("What is to be checked, one item a line."),
        widget=UnfoldAdminTextareaWidget(),
    )

    def register(self, run: Run, *, by: User) -> ModelVersion:
        """Register the version; raises what the verb raises."""
        given = self.cleaned_data
        path = given["artifact_path"]
        lines = (line.strip() for line in given["checklist"].splitlines())
        return ModelVersion.register(
            given["model_name"],
            by=by,
            version=given["version"] or None,
            run=run,
            artifact_path=label_uri(path, field="artifact_path") if path else "",
            description=given["description"],
            checklist=[NewCheck(line[:MAX_NAME]) for line in lines if line],
        )


class ApprovalForm(forms.Form):
    notes = forms.CharField(
        label=_("notes"), required=False, widget=UnfoldAdminTextareaWidget()
    )


class AliasForm(forms.Form):
    alias = forms.CharField(
        label=_("alias"), max_length=255, widget=UnfoldAdminTextInputWidget()
    )
