"""The URL space on one screen."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("mlops.core.urls")),
    path("api/v1/", include("datasets.urls")),
    path("api/v1/", include("lifecycle.urls")),
    path("api/v1/", include("deployments.urls")),
    path("", include("lifecycle.mlflow.urls")),
]

handler400 = "mlops.core.problems.bad_request"
handler403 = "mlops.core.problems.forbidden"
handler404 = "mlops.core.problems.not_found"
handler500 = "mlops.core.problems.server_error"
