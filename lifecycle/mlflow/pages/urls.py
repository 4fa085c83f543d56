"""What lies below `/mlflow/`: MLflow's own pages, and all that they ask for."""

from django.urls import URLPattern, URLResolver, include, path

from lifecycle.mlflow.pages import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.index, name="mlflow-pages"),
    path("start.js", views.start),
    path("static-files/<path:name>", views.static_file),
    path("", include("lifecycle.mlflow.urls")),
]
