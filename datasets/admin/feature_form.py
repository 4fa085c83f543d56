"""The form of a feature, with what it is bound to."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from datasets.models import BindingTarget, Dataset, Feature
from datasets.models.binding import MAX_KEY

EDITED = ("description", "tags", "upstream", "transformation", "validation_rules")
BINDING = ("bound_dataset", "column", "expression", "entity_key", "event_time")


class FeatureForm(forms.ModelForm[Feature]):
    """A feature, and where its values are: empty fields bind it to nothing."""

    bound_dataset = forms.ModelChoiceField(
        Dataset.objects.order_by("name"),
        label=_("dataset"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("Whose current version holds the values; empty: unbound."),
    )
    column = forms.CharField(
        label=_("column"),
        required=False,
        max_length=255,
        strip=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    expression = forms.CharField(
        label=_("formula"),
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("In place of a column: + - * / and parentheses over columns."),
    )
    entity_key = forms.CharField(
        label=_("entity key"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Columns that say whose value a row holds, one a line."),
    )
    event_time = forms.CharField(
        label=_("event time"),
        required=False,
        max_length=255,
        strip=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The column of dates or times at which a value holds."),
    )

    class Meta:
        model = Feature
        fields = ("feature_name", "feature_type", "data_type", *EDITED)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bound = self.instance.bound_to
        if bound is not None:
            self.initial.update(
                bound_dataset=bound.dataset_id,
                column=bound.column,
                expression=bound.expression,
                entity_key="\n".join(bound.entity_key),
                event_time=bound.event_time,
            )

    def clean_entity_key(self) -> list[str]:
        names = [name for name in self.cleaned_data["entity_key"].splitlines() if name]
        if len(names) > MAX_KEY or len(set(names)) != len(names):
            raise forms.ValidationError(
                _("At most %(most)d columns, each once.") % {"most": MAX_KEY}
            )
        return names

    def clean(self) -> dict[str, Any]:
        """Ask for one of column and formula where a dataset is named."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        is_one = bool(given.get("column")) != bool(given.get("expression"))
        if given.get("bound_dataset"):
            if not is_one:
                self.add_error("column", _("Give one of column and formula."))
        elif any(given.get(name) for name in BINDING):
            self.add_error("bound_dataset", _("Say in which dataset."))
        return given

    @property
    def wanted(self) -> BindingTarget | None:
        """What the feature is to be bound to; None: nothing."""
        given = self.cleaned_data
        dataset = given["bound_dataset"]
        if dataset is None:
            return None
        return BindingTarget(
            dataset=str(dataset.pk),
            column=given["column"],
            expression=given["expression"],
            entity_key=given["entity_key"],
            event_time=given["event_time"],
        )
