"""The addresses of the admin, as its URL patterns write them."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver


def admin_routes(resolver: Any = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the route, variables in brackets, and the name of each page."""
    for one in (resolver or get_resolver()).url_patterns:
        route = before + str(one.pattern)
        if not isinstance(one, URLPattern):
            yield from admin_routes(one, route)
        elif route.startswith("admin/"):
            plain = route.replace("^", "").replace(r"\Z", "").replace("$", "")
            yield plain, one.name or ""
