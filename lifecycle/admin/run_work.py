"""A run's page of work: its curves, live while it runs, and what it logged."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.admin.base import link_to
from lifecycle.admin.run_comparison import compared, comparison_context
from lifecycle.models import Run
from lifecycle.times import from_ms
from mlops.core.admin.work import WorkPage
from mlops.core.pages import moment


class RunWork(WorkPage):
    work_template = "lifecycle/run_work.html"
    work_title = gettext_lazy("Curves")

    def work_context(self, request: HttpRequest, obj: Run) -> dict[str, Any]:
        run = Run.objects.whole().get(pk=obj.pk)
        rows = compared([run])
        logged = {
            kind: [(row.name, row.shown[0]) for row in rows if row.kind == kind]
            for kind in ("metrics", "params")
        }
        tags = sorted((str(tag.key), tag.value) for tag in run.tags.all())
        versions = run.model_versions.select_related("model")
        return {
            **comparison_context([run], rows),
            "experiment": link_to(run.experiment),
            "started": moment(from_ms(run.started_ms)),
            "ended": "" if run.ended_ms is None else moment(from_ms(run.ended_ms)),
            "versions": [link_to(one) for one in versions],
            "tables": [
                (_("Newest values"), logged["metrics"]),
                (_("Parameters"), logged["params"]),
                (_("Tags"), tags),
            ],
            "upload_url": reverse("admin:lifecycle_run_upload", args=[run.pk]),
            "register_url": reverse("admin:lifecycle_run_register", args=[run.pk]),
        }
