"""The URL table of an app: each route documented once, and served at its aliases."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.urls import URLPattern, path

from mlops.core.viewsets import ApiViewSet


class ApiRoute(NamedTuple):
    """A path below the app's prefix, and the action that each method calls.

    `name` is for `reverse`, which gives the documented address.
    """

    path: str
    viewset: type[ApiViewSet]
    actions: Mapping[str, str]
    name: str = ""


def mount(
    routes: Iterable[ApiRoute], prefix: str, *, aliases: Iterable[str] = ()
) -> list[URLPattern]:
    """Return the routes below their prefix, and below aliases that no document has.

    Every address is served with a slash at its end as well. Within one prefix the
    order of the routes holds: a fixed word comes before a variable part.
    """
    rows = list(routes)
    patterns = [pattern for route in rows for pattern in _documented(prefix, route)]
    for alias in aliases:
        for route in rows:
            patterns += _undocumented(f"{alias}{route.path}", route)
            patterns += _undocumented(f"{alias}{route.path}/", route)
    return patterns


def _documented(prefix: str, route: ApiRoute) -> list[URLPattern]:
    address = f"{prefix}{route.path}"
    view = route.viewset.as_view(dict(route.actions))
    return [
        path(address, view, name=route.name or None),
        *_undocumented(f"{address}/", route),
    ]


def _undocumented(address: str, route: ApiRoute) -> list[URLPattern]:
    return [path(address, route.viewset.as_view(dict(route.actions), schema=None))]
