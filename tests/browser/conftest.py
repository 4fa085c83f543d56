"""Live stacks with people of staff, and browsers to use them."""

import json
import logging
import os
import random
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.browser.driver import Browser, missing
from tests.browser.large import DATASETS, csv_of
from tests.browser.person import Person
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
LARGE = "from tests.browser.large.making import make; make({password!r})"
UPLOAD_TIMEOUT_S = 300

# Each look of a wait is a request: they would hide what a failed test says.
logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack with the demo, and two people who may do everything but each other's."""
    if lacking := missing():
        pytest.skip(lacking)
    with LiveStack(tmp_path_factory.mktemp("stack")).running() as stack:
        stack.manage("shell", "-v0", "-c", PEOPLE.format(password=PASSWORD))
        yield stack


@pytest.fixture(scope="package")
def large_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack whose store is as large as a company's after a year."""
    if lacking := missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("large")
    with LiveStack(folder, "--no-demo").running() as stack:
        stack.manage("shell", "-v0", "-c", LARGE.format(password=PASSWORD))
        token = json.loads((folder / "facts.json").read_text())["token"]
        for name in DATASETS:
            answer = httpx.post(
                f"{stack.url}/api/v1/features/datasets",
                data={"name": name},
                files={"file": (f"{name}.csv", csv_of(name))},
                headers={"Authorization": f"Bearer {token}"},
                timeout=UPLOAD_TIMEOUT_S,
            )
            assert answer.status_code == 201, answer.text
        yield stack


@pytest.fixture(scope="package")
def facts(large_stack: LiveStack) -> dict:
    """What the large store has, as its maker wrote it down."""
    return json.loads((large_stack.folder / "facts.json").read_text())


@pytest.fixture(scope="package")
def draw() -> random.Random:
    """Draws the objects of tasks anew each time; DRAW=number draws the same again."""
    seed = int(os.environ.get("DRAW") or time.time())
    print(f"DRAW={seed}")  # noqa: T201 - pytest shows it beside what failed
    return random.Random(seed)


@pytest.fixture(scope="module")
def windows(large_stack, tmp_path_factory) -> Iterator[dict[tuple[str, str], Browser]]:
    """The browsers of signed-in people, by name and language."""
    opened: dict[tuple[str, str], Browser] = {}
    yield opened
    for one in opened.values():
        one.close()


@pytest.fixture
def person(large_stack, windows, tmp_path_factory, tmp_path):
    """Return a function that seats a person of the large store at the home page."""
    seated: list[Browser] = []

    def seat(name: str, language: str = "en") -> Person:
        if (name, language) not in windows:
            profile = tmp_path_factory.mktemp("profile")
            windows[name, language] = Browser(profile, language=language)
            enter(large_stack, windows[name, language], name)
        window = windows[name, language]
        seated.append(window)
        window.show_at(1440, 900)
        window.open(f"{large_stack.url}/admin/")
        window.run("globalThis.workTheme.set('light')")
        window.complaints()
        return Person(window, (large_stack.url, large_stack.serving_url))

    yield seat
    for number, one in enumerate(seated):
        one.picture(tmp_path / f"last-{number}.png")
        # What streams to a page that nobody looks at would wait with the others.
        one.open("about:blank")


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
    def sign(browser: Browser, name: str, password: str = PASSWORD) -> None:
        enter(stack, browser, name, password)

    return sign


def enter(
    stack: LiveStack, browser: Browser, name: str, password: str = PASSWORD
) -> None:
    """Sign in by the form, and arrive at home."""
    browser.forget()
    browser.open(f"{stack.url}/admin/login/?next=/admin/")
    browser.fill("#id_username", name)
    browser.fill("#id_password", password)
    browser.submit("#id_password")
    assert browser.path == "/admin/", browser.text
