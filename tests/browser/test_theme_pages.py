"""The theme's own pages, for people who hear them or see few colours."""

from http import HTTPStatus

import pytest

from tests.browser import axe
from tests.browser.conftest import PASSWORD

pytestmark = pytest.mark.slow

CHIEF = """
from django.contrib import admin
from mlops.core.models import User
User.objects.create_superuser("chief", password={password!r})
print(" ".join(f"{{one._meta.app_label}}/{{one._meta.model_name}}"
               for one in admin.site._registry))
"""
OTHERS = ("password_change/", "tables/", "no-such-page/", "core/user/add/")
HREFS = "return [...document.querySelectorAll(arguments[0])].map(one => one.href)"
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"
THEME = (
    "localStorage.setItem('adminTheme', JSON.stringify(arguments[0]));"
    "document.documentElement.classList.toggle('dark', arguments[0] == 'dark')"
)


@pytest.fixture
def tables(stack):
    return stack.manage("shell", "-v0", "-c", CHIEF.format(password=PASSWORD)).split()


@pytest.fixture
def chief(stack, browser, sign_in, tables):
    """The browser of who may see everything."""
    window = browser()
    sign_in(window, "chief")
    return window


def grave(window, page):
    """Return what stops people on the page in either theme, and its complaints."""
    window.open(page)
    found = []
    for theme in ("light", "dark"):
        window.run(THEME, theme)
        found += [(page, theme, one) for one in axe.findings(window)]
    refused = window.run(STATUS) in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
    complaints = window.complaints()
    return found + ([] if refused else [(page, one) for one in complaints])


def pages_of(window, home, table):
    """Return the list, the form of a new one, and the pages of its first row."""
    window.open(f"{home}{table}/")
    rows = window.run(HREFS, f"#result_list tbody a[href*='/{table}/']")
    pages = [f"{home}{table}/", *window.run(HREFS, f"a[href$='/{table}/add/']")[:1]]
    for first in rows[:1]:
        record = first.split("?")[0].removesuffix("change/").removesuffix("work/")
        pages += [f"{record}{page}/" for page in ("change", "history", "delete")]
    return pages


def test_every_page_of_the_theme_is_for_all(stack, chief, tables):
    if lacking := axe.missing():
        pytest.skip(lacking)
    home = f"{stack.url}/admin/"
    pages = [home + page for page in OTHERS]
    for table in tables:
        pages += pages_of(chief, home, table)

    assert len(pages) > 2 * len(tables)
    found = [found for page in pages for found in grave(chief, page)]

    assert not found, "\n".join(map(str, found))


def test_sign_in_and_refusals_are_for_all(stack, browser, sign_in):
    if lacking := axe.missing():
        pytest.skip(lacking)
    stranger = browser()
    pages = [stack.url, f"{stack.url}/sign-in/", f"{stack.url}/admin/login/"]

    assert [found for page in pages for found in grave(stranger, page)] == []

    sign_in(stranger, "maker")
    assert grave(stranger, f"{stack.url}/admin/core/user/") == []
    assert stranger.run(STATUS) == HTTPStatus.FORBIDDEN
