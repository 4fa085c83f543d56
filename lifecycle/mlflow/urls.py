"""The addresses of the MLflow REST protocol, on one screen.

`/ajax-api` and `/api/2.0/preview` are other names of the same routes.
"""

from django.urls import URLPattern, URLResolver, path, re_path

from lifecycle.mlflow import routes
from lifecycle.mlflow.endpoint import MlflowRoute

ROOTS = ("api/2.0/mlflow/", "ajax-api/2.0/mlflow/", "api/2.0/preview/mlflow/")
INFO_ROOTS = ("api/3.0/mlflow/", "ajax-api/3.0/mlflow/")
PROXY_ROOTS = (
    "api/2.0/mlflow-artifacts/artifacts",
    "ajax-api/2.0/mlflow-artifacts/artifacts",
)
_BELOW_ROOT = {
    **routes.TRACKING,
    **routes.REGISTRY,
    **routes.LOGGED_MODELS,
    **routes.FILES,
}

EXACT: dict[str, MlflowRoute] = {
    **{address: MlflowRoute(endpoints) for address, endpoints in routes.SERVER.items()},
    **{
        address: MlflowRoute(endpoints)
        for address, endpoints in routes.DOWNLOADS.items()
    },
    **{f"{root}server-info": MlflowRoute(routes.SERVER_INFO) for root in INFO_ROOTS},
    **{
        f"{root}{address}": MlflowRoute(endpoints)
        for root in ROOTS
        for address, endpoints in _BELOW_ROOT.items()
    },
}
"""Addresses without a variable part; `middleware` finds them by one look-up."""

STORED = {root: MlflowRoute(routes.PROXY["/<path:path>"]) for root in PROXY_ROOTS}
"""Where files are; what follows the root and a slash is the file's path."""

urlpatterns: list[URLPattern | URLResolver] = [
    *(path(address, route) for address, route in EXACT.items()),
    *(
        path(f"{root}logged-models/<str:model_id>{address}", MlflowRoute(endpoints))
        for root in ROOTS
        for address, endpoints in routes.LOGGED_MODEL.items()
    ),
    *(
        path(f"{root}{address}", MlflowRoute(endpoints))
        for root in PROXY_ROOTS
        for address, endpoints in routes.PROXY.items()
    ),
    re_path(
        r"^/+(?P<rest>(?:ajax-)?api/[23]\.0/.+|(?:model-versions/)?get-artifact)$",
        routes.DOUBLED,
    ),
    re_path(r"^v1/traces$", routes.NOT_SPOKEN),
    re_path(r"^(?:ajax-)?api/3\.0/mlflow/traces(?:/.*)?$", routes.NOT_SPOKEN),
    re_path(r"^graphql$", routes.NOT_SPOKEN),
    re_path(r"^(?:ajax-)?api/[23]\.0(?:/.*)?$", routes.UNKNOWN),
]
