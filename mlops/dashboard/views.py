"""The page that the server's bare address answers with: where everything is."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers


@require_safe
@vary_on_headers("Accept", "Accept-Language")
def start(request: HttpRequest) -> HttpResponse:
    """Answer browsers with a page and programs with the same links as JSON."""
    links = {
        "docs": (_("API browser"), reverse("docs")),
        "schema": (_("OpenAPI document"), reverse("schema")),
        "admin": (_("Admin"), reverse("admin:index")),
        "experiments": (_("Experiments"), "/api/v1/ml/lifecycle/experiments"),
        "models": (_("Model versions"), "/api/v1/ml/lifecycle/models"),
        "deployments": (_("Deployments"), "/api/v1/ml/lifecycle/deployments"),
        "datasets": (_("Datasets"), "/api/v1/features/datasets"),
        "features": (_("Features"), "/api/v1/features"),
        "health": (_("Health"), "/healthz"),
        "serving": (_("Predictions"), settings.SERVING_URL),
    }
    if "text/html" in request.headers.get("Accept", ""):
        return render(request, "dashboard/start.html", {"links": links.values()})
    addresses = {
        name: request.build_absolute_uri(address)
        for name, (_title, address) in links.items()
    }
    return JsonResponse({"name": "MLOps", **addresses})
