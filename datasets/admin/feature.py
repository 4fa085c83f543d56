"""Features, their versions and their use."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from datasets.models import Dataset, Feature, FeatureUsage, FeatureVersion, Wanted
from datasets.models.binding import MAX_KEY
from mlops.core.admin import ReadOnly
from mlops.core.admin.base import EMPTY, VerbAdmin, act, link_to, link_to_list, staff

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
    def wanted(self) -> Wanted | None:
        """What the feature is to be bound to; None: nothing."""
        given = self.cleaned_data
        dataset = given["bound_dataset"]
        if dataset is None:
            return None
        return Wanted(
            dataset=str(dataset.pk),
            column=given["column"],
            expression=given["expression"],
            entity_key=given["entity_key"],
            event_time=given["event_time"],
        )


class FeatureVersionInline(TabularInline):
    model = FeatureVersion
    fields = readonly_fields = (
        "version",
        "changelog",
        "breaking_changes",
        "created_by",
        "created_at",
        "rolled_back_at",
    )
    extra = 0
    can_delete = False
    ordering = ("-number",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Feature)
class FeatureAdmin(VerbAdmin):
    form = FeatureForm
    list_display = (
        "feature_name",
        "feature_type",
        "data_type",
        "status",
        "current_version",
        "binding_status",
        "uses",
        "owner",
        "updated_at",
    )
    list_filter = ("status", "binding__state", "feature_type", "data_type", "owner")
    search_fields = ("feature_name", "description")
    date_hierarchy = "created_at"
    autocomplete_fields = ("upstream",)
    inlines = (FeatureVersionInline,)
    actions: ClassVar = ("activate", "deprecate", "archive")
    fields = (
        "feature_name",
        "feature_type",
        "data_type",
        *EDITED,
        *BINDING,
        "binding_status",
        "status",
        "current_version",
        "owner",
        "data",
        "downstream_features",
        "usage",
    )
    readonly_fields = (
        "binding_status",
        "status",
        "current_version",
        "owner",
        "data",
        "downstream_features",
        "usage",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feature]:
        return Feature.objects.with_details()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("feature_name", "feature_type", "data_type") if obj else ()
        return (*fixed, *self.readonly_fields)

    @admin.display(description=_("uses"), ordering="usage_count")
    def uses(self, feature: Feature) -> int:
        return int(getattr(feature, "usage_count", 0))

    @admin.display(description=_("binding"), ordering="binding__state")
    def binding_status(self, feature: Feature) -> SafeString | str:
        """What it is bound to, by whom, and since when that is broken."""
        bound = feature.bound_to
        if bound is None:
            return str(_("unbound"))
        said = [str(bound), bound.get_state_display(), bound.get_origin_display()]
        if bound.broken_text:
            said.append(bound.broken_text)
        return format_html_join(" · ", "{}", ((one,) for one in said))

    @admin.display(description=_("data"))
    def data(self, feature: Feature) -> SafeString | str:
        """The version that its figures are of, and the mean; else why not."""
        version, figures = feature.data_version, feature.column_statistics
        if version is None or figures is None:
            return feature.statistics_reason or EMPTY
        mean = figures["mean"]
        shown = EMPTY if mean is None else f"{mean:.6g}"
        return format_html("{} · {} {}", link_to(version), _("mean"), shown)

    @admin.display(description=_("downstream features"))
    def downstream_features(self, feature: Feature) -> SafeString | str:
        links = [(link_to(item),) for item in feature.downstream.all()]
        return format_html_join(", ", "{}", links) or EMPTY

    @admin.display(description=_("usage"))
    def usage(self, feature: Feature) -> SafeString | str:
        text = str(feature.usages.count())
        return link_to_list(FeatureUsage, text, feature__id__exact=feature.pk)

    def save_model(
        self,
        request: HttpRequest,
        obj: Feature,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if set(BINDING) & set(given):
            given = {key: value for key, value in given.items() if key not in BINDING}
            given["binding"] = form.wanted
        upstream = given.pop("upstream", None)
        if upstream is not None:
            given["upstream_features"] = [item.feature_name for item in upstream]
        if change:
            obj.update(by=staff(request), **given)
        else:
            made = Feature.create_from(**given, by=staff(request))
            obj.pk, obj._state.adding = made.pk, False  # noqa: SLF001 - Django's own way

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Leave the upstream features alone: the verb has written them."""
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.activate(by=by))

    @admin.action(description=_("Deprecate"), permissions=["change"])
    def deprecate(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.deprecate(by=by))

    @admin.action(description=_("Archive"), permissions=["delete"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Feature]) -> None:
        act(self, request, queryset, lambda row, by: row.archive(by=by))

    def delete_model(self, request: HttpRequest, obj: Feature) -> None:
        act(self, request, [obj], lambda row, by: row.archive(by=by))

    def get_actions(self, request: HttpRequest) -> Any:
        # Features are archived, as on the API, and never deleted.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


@admin.register(FeatureVersion)
class FeatureVersionAdmin(ReadOnly):
    list_display = (
        "feature",
        "version",
        "changelog",
        "breaking_changes",
        "created_by",
        "created_at",
        "rolled_back_at",
    )
    list_filter = ("breaking_changes", "feature")
    search_fields = ("feature__feature_name", "version", "changelog")
    list_select_related = ("feature", "created_by")
    actions: ClassVar = ("roll_back",)

    @admin.action(description=_("Roll the feature back to this"), permissions=["act"])
    def roll_back(
        self, request: HttpRequest, queryset: QuerySet[FeatureVersion]
    ) -> None:
        act(
            self,
            request,
            queryset.select_related("feature"),
            lambda row, by: row.feature.roll_back_to(row.version, by=by),
        )

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("datasets.change_feature"))


@admin.register(FeatureUsage)
class FeatureUsageAdmin(ReadOnly):
    list_display = (
        "feature_link",
        "feature_version",
        "used_by_model",
        "model_version",
        "environment",
        "feature_importance",
        "data_version",
        "used_at",
    )
    list_filter = ("environment", "feature", "used_by_model")
    search_fields = ("feature__feature_name", "used_by_model", "execution_id")
    list_select_related = ("feature", "data_version__dataset")
    date_hierarchy = "used_at"

    @admin.display(description=_("feature"), ordering="feature")
    def feature_link(self, use: FeatureUsage) -> SafeString | str:
        return link_to(use.feature)
