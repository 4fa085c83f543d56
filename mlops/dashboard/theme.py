"""The theme's site of the admin, which makes no list of tables that no page shows."""

from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


class ThemeConfig(AppConfig):
    """The theme (`unfold`), with a site of our own."""

    name = "unfold"

    def ready(self) -> None:
        admin.site = sites.site = _site()


def _site() -> admin.AdminSite:
    # The theme's site imports models: not before they are there.
    from unfold.sites import UnfoldAdminSite  # noqa: PLC0415

    class Site(UnfoldAdminSite):
        def get_app_list(self, request: HttpRequest, app_label: Any = None) -> Any:
            """Return the tables that the person may see, made when they are read.

            Django asks for them on every page, and our pages show links instead: a
            third of what many of them cost.
            """
            make = super().get_app_list
            return SimpleLazyObject(lambda: make(request, app_label))

    return Site()
