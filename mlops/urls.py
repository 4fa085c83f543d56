"""The URL space on one screen."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from mlops.core import health, metrics
from mlops.core.schema.views import SchemaView, SeedSchemaView
from mlops.dashboard import page, search
from mlops.dashboard.account import account
from mlops.dashboard.sign_in import SignIn, SignOut
from mlops.dashboard.views import start

urlpatterns = [
    path("", start, name="start"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.admin_view(page.home)),
    path("admin/tables/", admin.site.admin_view(page.tables), name="all-tables"),
    path("admin/account/", admin.site.admin_view(account), name="account"),
    path("admin/find/", admin.site.admin_view(search.found), name="find"),
    path("admin/search/", admin.site.admin_view(search.answer)),
    path("admin/", admin.site.urls),
    path("api/v1/", include("mlops.core.urls")),
    path("api/v1/", include("mlops.webhooks.urls")),
    path("api/v1/", include("datasets.urls")),
    path("api/v1/", include("lifecycle.urls")),
    path("api/v1/", include("deployments.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/schema/seed/", SeedSchemaView.as_view(), name="schema-seed"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
    path("api/schema", SchemaView.as_view()),
    path("api/schema/seed", SeedSchemaView.as_view()),
    path("api/docs", RedirectView.as_view(pattern_name="docs")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.view),
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
    path("mlflow", RedirectView.as_view(pattern_name="mlflow-pages")),
    path("mlflow/", include("lifecycle.mlflow.pages.urls")),
    path("", include("lifecycle.mlflow.urls")),
]

handler400 = "mlops.core.problem_pages.bad_request"
handler403 = "mlops.core.problem_pages.forbidden"
handler404 = "mlops.core.problem_pages.not_found"
handler500 = "mlops.core.problem_pages.server_error"
