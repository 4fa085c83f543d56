"""A live stack with two people of staff, and a browser to use it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from tests.browser.driver import Browser, missing
from tests.demo.live import LiveStack

PASSWORD = "a long word of the tests"
PEOPLE = """
from django.contrib.auth.models import Group
from mlops.core.models import User
roles = Group.objects.filter(name__in=("data scientist", "deployer", "approver"))
for name in ("maker", "second"):
    user = User.objects.create_user(name, password={password!r}, is_staff=True)
    user.groups.set(roles)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    if lacking := missing():
        pytest.skip(lacking)
    stack = LiveStack(tmp_path_factory.mktemp("stack"))
    stack.start()
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PEOPLE.format(password=PASSWORD)],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {"MLOPS_DATA_DIR": str(stack.folder)}
        | {"DJANGO_SETTINGS_MODULE": "mlops.settings"},
        check=True,
        capture_output=True,
    )
    yield stack
    stack.stop()


@pytest.fixture
def browser(stack, tmp_path) -> Iterator[Callable[..., Browser]]:
    """Return a function that opens a browser; each leaves a last picture."""
    opened: list[Browser] = []

    def begin(language: str = "en") -> Browser:
        made = Browser(tmp_path / f"profile-{len(opened)}", language=language)
        opened.append(made)
        return made

    yield begin
    for number, one in enumerate(opened):
        one.picture(tmp_path / f"last-{number}.png")
        one.close()


@pytest.fixture
def sign_in(stack) -> Callable[[Browser, str, str], None]:
    def enter(browser: Browser, name: str, password: str = PASSWORD) -> None:
        browser.open(f"{stack.url}/admin/login/")
        browser.forget()
        browser.open(f"{stack.url}/admin/login/?next=/admin/")
        browser.fill("#id_username", name)
        browser.fill("#id_password", password)
        browser.submit("#id_password")
        assert browser.path == "/admin/", browser.text

    return enter
