"""The project's URLs, with a page of work for API tokens before them."""

from django.contrib import admin
from django.urls import include, path

from mlops.core.admin.work import WorkPage
from mlops.core.models import ApiToken
from mlops.urls import urlpatterns as _all


class TokenDesk(WorkPage):
    work_template = "admin/work_page.html"

    def work_connects(self, request, obj):
        return ("http://gateway.example:8501",)


page = TokenDesk(ApiToken, admin.site)
urlpatterns = [
    path(
        "admin/",
        include(
            (
                [path("core/apitoken/", include(page.urls)), *admin.site.get_urls()],
                "admin",
            )
        ),
    ),
    *_all,
]
