"""Experiments: the list, their newest runs, their archive."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from lifecycle.admin.base import EMPTY, act, link_to, link_to_list, moment, staff, table
from lifecycle.admin.experiment_work import ExperimentWork
from lifecycle.models import Experiment, ModelVersion, Run
from lifecycle.states import ExperimentStatus
from lifecycle.times import from_ms
from mlops.core import names
from mlops.core.admin.base import made_once
from mlops.core.admin.confirm import ask_first
from mlops.core.errors import DomainError
from mlops.core.models import User

LIST_NAME = "lifecycle_experiment_changelist"
"""Only the list shows how many runs there are, and the newest."""
SHOWN_RUNS = 20
SHOWN_METRICS = 4


class ExperimentForm(forms.ModelForm[Experiment]):
    class Meta:
        model = Experiment
        fields = ("name", "description", "metadata")

    def clean_name(self) -> str:
        try:
            return names.clean(self.cleaned_data["name"], field="name")
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


@admin.register(Experiment)
class ExperimentAdmin(ExperimentWork):
    form = ExperimentForm
    list_display = (
        "name",
        "status",
        "owner",
        "run_count",
        "newest_status",
        "newest_metrics",
        "created_at",
    )
    list_filter = ("status", "owner", "created_at")
    search_fields = ("name", "description")
    list_select_related = ("owner",)
    readonly_fields = (
        "status",
        "owner",
        "tag_list",
        "run_table",
        "versions",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    fields = ("name", "description", "metadata", *readonly_fields)
    actions: ClassVar = ("archive", "activate", "remove", "restore")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        rows: QuerySet[Experiment] = super().get_queryset(request)
        match = request.resolver_match
        if match is None or match.url_name != LIST_NAME:
            return rows
        alive = Run.objects.filter(experiment=OuterRef("pk"), deleted_ms=None)
        counted = alive.order_by().values("experiment").values(count=Count("pk"))
        listed = rows.annotate(alive_runs=Coalesce(Subquery(counted), 0))
        return listed.with_latest_run()  # type: ignore[attr-defined, no-any-return]  # our QuerySet

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        newest = Run.objects.latest_of(page.result_list)
        for row in page.result_list:
            row.newest_run = newest.get(row.latest_run_id)
        return page

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else ("name", *self.readonly_fields)

    @admin.display(description=_("runs"), ordering="alive_runs")
    def run_count(self, experiment: Experiment) -> SafeString:
        count = str(getattr(experiment, "alive_runs", 0))
        return link_to_list(Run, count, experiment__id__exact=experiment.pk)

    @admin.display(description=_("newest run"), ordering="latest_status")
    def newest_status(self, experiment: Experiment) -> SafeString | str:
        run: Run | None = getattr(experiment, "newest_run", None)
        return link_to(run, run.get_status_display()) if run else EMPTY

    @admin.display(description=_("metrics"))
    def newest_metrics(self, experiment: Experiment) -> str:
        run: Run | None = getattr(experiment, "newest_run", None)
        return short_metrics(run) if run else EMPTY

    @admin.display(description=_("tags"))
    @made_once
    def tag_list(self, experiment: Experiment) -> str:
        tags = experiment.tags.select_related("key")
        return ", ".join(str(tag) for tag in tags) or EMPTY

    @admin.display(description=_("newest runs"))
    @made_once
    def run_table(self, experiment: Experiment) -> SafeString | str:
        runs = experiment.runs.filter(deleted_ms=None).prefetch_related(
            "latest_metrics__key"
        )
        return table(
            (_("run"), _("status"), _("started"), _("metrics")),
            [
                (
                    link_to(run),
                    run.get_status_display(),
                    moment(from_ms(run.started_ms)),
                    short_metrics(run),
                )
                for run in runs[:SHOWN_RUNS]
            ],
        )

    @admin.display(description=_("model versions"))
    @made_once
    def versions(self, experiment: Experiment) -> SafeString | str:
        count = ModelVersion.objects.filter(run__experiment=experiment).count()
        if not count:
            return EMPTY
        return link_to_list(
            ModelVersion, str(count), run__experiment__id__exact=experiment.pk
        )

    def save_model(
        self,
        request: HttpRequest,
        obj: Experiment,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            obj.change(by=staff(request), **given)
            return
        name = given.pop("name")
        made = Experiment.create(name, by=staff(request), **given)
        obj.pk = made.pk

    @admin.action(description=_("Archive"), permissions=["change"])
    def archive(
        self, request: HttpRequest, queryset: QuerySet[Experiment]
    ) -> HttpResponse | None:
        def archive(row: Experiment, by: User, _reason: str) -> None:
            row.change(by=by, status=ExperimentStatus.ARCHIVED)

        return ask_first(self, request, queryset, archive)

    @admin.action(description=_("Take out of the archive"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        active = ExperimentStatus.ACTIVE
        act(self, request, queryset, lambda row, by: row.change(by=by, status=active))

    @admin.action(description=_("Delete (can be restored)"), permissions=["delete"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[Experiment]
    ) -> HttpResponse | None:
        def remove(row: Experiment, by: User, _reason: str) -> None:
            row.delete_softly(by=by)

        return ask_first(self, request, queryset, remove)

    @admin.action(description=_("Restore"), permissions=["delete"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        act(self, request, queryset, lambda row, by: row.restore(by=by))

    def get_actions(self, request: HttpRequest) -> Any:
        # Django's own would delete the rows and leave the bytes of the artifacts.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and bool(super().has_delete_permission(request, obj))


def short_metrics(run: Run) -> str:
    """Return the first metrics of a run whose metrics are loaded."""
    metrics = [metric for metric in run.latest_metrics.all() if metric.is_finite]
    shown = [f"{metric.key} {metric.value:.4g}" for metric in metrics[:SHOWN_METRICS]]
    return ", ".join(shown) or EMPTY
