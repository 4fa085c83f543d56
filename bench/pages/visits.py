"""The pages that are visited, by name: every page of work, and the long lists."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from bench.pages.filling import Filling

COMPARED = 5
API = "/api/v1"
LISTS = (
    "datasets.column",
    "datasets.dataset",
    "datasets.datasetversion",
    "deployments.deployment",
    "deployments.deploymentevent",
    "deployments.driftcheck",
    "deployments.slot",
    "deployments.trafficwindow",
    "lifecycle.artifact",
    "lifecycle.driftevent",
    "lifecycle.experiment",
    "lifecycle.latestmetric",
    "lifecycle.metricpoint",
    "lifecycle.modelversion",
    "lifecycle.param",
    "lifecycle.registeredmodel",
    "lifecycle.run",
    "lifecycle.runtag",
    "core.auditentry",
    "core.user",
)
"""Tables whose rows are many, and those that one works in most."""

Visit = tuple[str, str]
"""What a page is called, and its address."""


def visits(filled: Filling) -> Iterator[Visit]:
    """Yield every page that is measured."""
    yield "home", "/admin/"
    yield "home, seven days", "/admin/?hours=168"
    yield "all tables", "/admin/tables/"
    yield "my account", "/admin/account/"
    yield "search, a word", _page("/admin/find/", q="trial 1234")
    yield "search, nothing found", _page("/admin/find/", q="nothing of that name")
    yield "search, a run's id", _page("/admin/find/", q="run-199")
    yield from _training(filled)
    yield from _registry()
    yield from _serving()
    yield from _catalogue()
    for label in LISTS:
        yield f"list of {label}", _list(label)
    run_list = _list("lifecycle.run")
    yield "list of runs, failed ones", f"{run_list}?status__exact=failed"
    yield "list of runs, searched", f"{run_list}?q=trial+1234"
    deployments = _list("deployments.deployment")
    yield "list of deployments, active ones", f"{deployments}?status__exact=active"
    yield "list of deployments, unhealthy ones", f"{deployments}?health=unhealthy"
    yield "list of deployments, searched", f"{deployments}?q=model-12"


def _training(filled: Filling) -> Iterator[Visit]:
    experiment = _row(filled.experiment)
    runs = f"{experiment}work/"
    yield "runs of an experiment", runs
    yield "runs, by a metric", _page(runs, order="metrics.`loss` DESC")
    yield "runs, by a parameter", _page(runs, order="params.`depth` ASC")
    yield "runs, filtered by a metric", _page(runs, filter="metrics.loss > 0.99")
    yield (
        "runs, filtered by status and parameter",
        _page(runs, filter="attributes.status = 'FAILED' AND params.depth = '7'"),
    )
    yield "runs, filtered by a tag", _page(runs, filter="tags.team = 'team-7'")
    yield "runs, nothing fits", _page(runs, filter="metrics.loss > 2")
    yield "experiment, record", f"{experiment}change/"
    some = [("run", f"run-{number}") for number in range(COMPARED)]
    yield f"{COMPARED} runs compared", f"{experiment}compare/?{urlencode(some)}"
    run = _row(filled.run)
    yield "run", f"{run}work/"
    yield "run, record", f"{run}change/"
    yield "files of a run", f"{run}files/"
    yield "files of a run, a folder", f"{run}files/?folder=checkpoints/7"


def _registry() -> Iterator[Visit]:
    from lifecycle.models import RegisteredModel  # noqa: PLC0415

    for name, what in (("model-0", "500 versions"), ("model-7", "10 versions")):
        model = _row(RegisteredModel.objects.get(name=name))
        yield f"model of {what}", f"{model}work/"
        yield f"model of {what}, record", f"{model}change/"
    version = RegisteredModel.objects.get(name="model-7").versions.first()
    yield "model version, record", f"{_row(version)}change/"


def _serving() -> Iterator[Visit]:
    from deployments.models import Deployment  # noqa: PLC0415

    one = Deployment.objects.filter(status="active").order_by("pk")[0]
    yield "deployment, live", f"{_row(one)}work/"
    yield "deployment, record", f"{_row(one)}change/"
    for window in ("1h", "24h", "7d"):
        address = f"{API}/ml/lifecycle/deployments/{one.pk}/metrics?window={window}"
        yield f"figures of a deployment, {window} (API)", address


def _catalogue() -> Iterator[Visit]:
    from datasets.admin.work import PAGES  # noqa: PLC0415
    from datasets.models import Dataset  # noqa: PLC0415

    dataset = Dataset.objects.get(name="real")
    for name in ("work", *PAGES, "change"):
        title = "rows" if name == "work" else name
        yield f"dataset, {title}", f"{_row(dataset)}{name}/"
    rows = f"{API}/features/datasets/{dataset.pk}/rows"
    yield "rows of a dataset (API)", f"{rows}?limit=100"
    yield "rows of a dataset, sorted (API)", f"{rows}?limit=100&order_by=-c3"


def _row(row: Any) -> str:
    meta = row._meta  # noqa: SLF001 - Django's public name
    return f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/"


def _list(label: str) -> str:
    return f"/admin/{label.replace('.', '/')}/"


def _page(address: str, **query: str) -> str:
    return f"{address}?{urlencode(query)}"
