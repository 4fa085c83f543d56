"""The addresses of the MLflow REST protocol, on one screen.

`/ajax-api` and `/api/2.0/preview` are older names of the same routes.
"""

from django.urls import URLPattern, URLResolver, path, re_path

from lifecycle.mlflow.door import Door
from lifecycle.mlflow.routes import (
    NOT_SPOKEN,
    SERVER,
    SERVER_INFO,
    TRACKING,
    UNKNOWN,
)

ROOTS = ("api/2.0/mlflow/", "ajax-api/2.0/mlflow/", "api/2.0/preview/mlflow/")
INFO_ROOTS = ("api/3.0/mlflow/", "ajax-api/3.0/mlflow/")

EXACT: dict[str, Door] = {
    **{address: Door(endpoints) for address, endpoints in SERVER.items()},
    **{f"{root}server-info": Door(SERVER_INFO) for root in INFO_ROOTS},
    **{
        f"{root}{address}": Door(endpoints)
        for root in ROOTS
        for address, endpoints in TRACKING.items()
    },
}

urlpatterns: list[URLPattern | URLResolver] = [
    *(path(address, door) for address, door in EXACT.items()),
    re_path(r"^v1/traces$", NOT_SPOKEN),
    re_path(r"^(?:ajax-)?api/3\.0/mlflow/traces(?:/.*)?$", NOT_SPOKEN),
    re_path(r"^graphql$", NOT_SPOKEN),
    re_path(r"^(?:ajax-)?api/[23]\.0/.*$", UNKNOWN),
]
