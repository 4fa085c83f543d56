"""The page that the server's bare address answers with: where to begin."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from lifecycle.mlflow.pages import build

LIFECYCLE = "/api/v1/ml/lifecycle"
FEATURES = "/api/v1/features"


@require_safe
@vary_on_headers("Accept", "Accept-Language")
def start(request: HttpRequest) -> HttpResponse:
    """Answer browsers with a page, and programs with the addresses as JSON."""
    if "text/html" in request.headers.get("Accept", ""):
        here = request.build_absolute_uri("/").rstrip("/")
        context = {
            "pages": _pages(),
            "programs": _programs(here),
            "calls": _calls(here),
            "is_local": not settings.PRODUCTION,
        }
        return render(request, "dashboard/start.html", context)
    addresses = {
        name: request.build_absolute_uri(address)
        for name, address in _addresses().items()
    }
    return JsonResponse({"name": "MLOps", **addresses})


def _addresses() -> dict[str, str]:
    return {
        "docs": reverse("docs"),
        "schema": reverse("schema"),
        "admin": reverse("admin:index"),
        "experiments": f"{LIFECYCLE}/experiments",
        "models": f"{LIFECYCLE}/models",
        "deployments": f"{LIFECYCLE}/deployments",
        "datasets": f"{FEATURES}/datasets",
        "features": FEATURES,
        "health": "/healthz",
        "serving": settings.SERVING_URL,
    }


def _pages() -> list[tuple[str, str, str]]:
    """Return what to click: title, what is there, address; no JSON among them."""
    mlflow = (
        _("MLflow's pages"),
        _("Runs, charts and models as MLflow itself shows them"),
        reverse("mlflow-pages"),
    )
    return [
        (
            _("Admin"),
            _("What serves where, and what waits for somebody"),
            reverse("admin:index"),
        ),
        (
            _("Experiments"),
            _("Runs with their parameters, metrics and files"),
            reverse("admin:lifecycle_experiment_changelist"),
        ),
        (
            _("Registered models"),
            _("Versions, and who approved them"),
            reverse("admin:lifecycle_registeredmodel_changelist"),
        ),
        (
            _("Deployments"),
            _("What serves, its figures, and the way back"),
            reverse("admin:deployments_deployment_changelist"),
        ),
        (
            _("Datasets"),
            _("Tables, what is in them, and whether it changed"),
            reverse("admin:datasets_dataset_changelist"),
        ),
        (
            _("API browser"),
            _("Every operation, with examples to send"),
            reverse("docs"),
        ),
        *([mlflow] if build.folder() else []),
    ]


def _programs(here: str) -> list[tuple[str, str, str]]:
    """Return what runs: name, what it does, where it answers."""
    return [
        (_("web"), _("pages, the API, and MLflow's API"), here),
        (
            _("gateway"),
            _("predictions; it asks for a token or a key"),
            settings.SERVING_URL,
        ),
        (_("worker"), _("deploys and heals models, reads datasets, sees drift"), ""),
    ]


def _calls(here: str) -> list[tuple[str, str]]:
    """Return the first calls: what each is for, and its lines for a shell."""
    datasets = f"{here}{FEATURES}/datasets"
    auth = '-H "Authorization: Bearer $TOKEN"'
    return [
        (
            _("Log from MLflow: not a line of a training script changes"),
            (
                f"export MLFLOW_TRACKING_URI={here}\n"
                "export MLFLOW_TRACKING_TOKEN=$TOKEN\npython train.py"
            ),
        ),
        (
            _("See what is deployed"),
            f"curl {auth} {here}{LIFECYCLE}/deployments",
        ),
        (
            _("Upload a table, and ask what is in it"),
            (
                f"curl {auth} -F name=mine -F file=@mine.csv {datasets}\n"
                f"curl {auth} {datasets}/mine/sample"
            ),
        ),
    ]
