"""The addresses of the MLflow REST protocol, on one screen.

`/ajax-api` and `/api/2.0/preview` are other names of the same routes.
"""

from django.urls import URLPattern, URLResolver, path, re_path

from lifecycle.mlflow import routes
from lifecycle.mlflow.endpoint import MlflowRoute
from lifecycle.mlflow.graphql.route import GRAPHQL

ROOTS = ("api/2.0/mlflow/", "ajax-api/2.0/mlflow/", "api/2.0/preview/mlflow/")
ROOTS_3 = ("api/3.0/mlflow/", "ajax-api/3.0/mlflow/")
PROXY_ROOTS = (
    "api/2.0/mlflow-artifacts/artifacts",
    "ajax-api/2.0/mlflow-artifacts/artifacts",
)
_BELOW_ROOT = {
    **routes.TRACKING,
    **routes.REGISTRY,
    **routes.LOGGED_MODELS,
    **routes.WEBHOOKS,
    **routes.FILES,
    **routes.TRACES_2,
    **routes.PAGES,
}

EXACT: dict[str, MlflowRoute] = {
    **{address: MlflowRoute(endpoints) for address, endpoints in routes.SERVER.items()},
    **{
        address: MlflowRoute(endpoints)
        for address, endpoints in routes.DOWNLOADS.items()
    },
    "graphql": GRAPHQL,
    **{
        f"{root}{address}": MlflowRoute(endpoints)
        for root in ROOTS_3
        for address, endpoints in routes.SERVER_INFO.items()
    },
    **{address: MlflowRoute(endpoints) for address, endpoints in routes.OTLP.items()},
    **{
        f"{root}{address}": MlflowRoute(endpoints)
        for root in ROOTS_3
        for address, endpoints in routes.TRACES.items()
    },
    **{
        f"{root}{address}": MlflowRoute(endpoints)
        for root in (*ROOTS, *ROOTS_3)
        for address, endpoints in routes.TRACES_OF_BOTH.items()
    },
    **{
        f"{root}get-trace-artifact": MlflowRoute(routes.TRACE_FILE)
        for root in (*ROOTS, *ROOTS_3)
    },
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
        path(f"{root}traces/{name}", routes.UNKNOWN)
        for root in (*ROOTS, *ROOTS_3)
        for name in routes.TRACES_UNKNOWN
    ),
    *(
        path(f"{root}logged-models/<str:model_id>{address}", MlflowRoute(endpoints))
        for root in ROOTS
        for address, endpoints in routes.LOGGED_MODEL.items()
    ),
    *(
        path(f"{root}webhooks/<str:webhook_id>{address}", MlflowRoute(endpoints))
        for root in ROOTS
        for address, endpoints in routes.WEBHOOK.items()
    ),
    *(
        path(f"{root}traces/<str:trace_id>{address}", MlflowRoute(endpoints))
        for root in ROOTS_3
        for address, endpoints in routes.TRACE.items()
    ),
    *(
        path(f"{root}traces/<str:trace_id>{address}", MlflowRoute(endpoints))
        for root in ROOTS
        for address, endpoints in routes.TRACE_2.items()
    ),
    *(
        path(f"{root}traces/<str:trace_id>{address}", MlflowRoute(endpoints))
        for root in (*ROOTS, *ROOTS_3)
        for address, endpoints in routes.TRACE_OF_BOTH.items()
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
    re_path(r"^(?:ajax-)?api/[23]\.0(?:/.*)?$", routes.UNKNOWN),
]
