"""Routes: documented without a trailing slash, served with one just as well."""

from collections.abc import Mapping

from django.urls import URLPattern, path

from mlops.core.viewsets import ApiViewSet


def documented(
    route: str, viewset: type[ApiViewSet], actions: Mapping[str, str]
) -> list[URLPattern]:
    """Return the route as the document shows it, and its twin with a slash."""
    return [
        path(route, viewset.as_view(dict(actions))),
        *undocumented(f"{route}/", viewset, actions),
    ]


def undocumented(
    route: str, viewset: type[ApiViewSet], actions: Mapping[str, str]
) -> list[URLPattern]:
    """Return a route that works and that the document leaves out."""
    return [path(route, viewset.as_view(dict(actions), schema=None))]
