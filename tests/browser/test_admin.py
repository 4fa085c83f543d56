"""The staff's pages in a real browser: the whole loop, and how pages look."""

import re
import time

import pytest

from mlops.demo.api import request

pytestmark = pytest.mark.slow

ROWS = "a,b,c\n" + "\n".join(f"{n},{n * n % 17},{n % 5}" for n in range(200))
REFUSED = "Whoever made a version cannot approve it."
MODEL = "/api/v1/ml/lifecycle/runs/demo-linear-1991-2004/artifacts/model.onnx"
PATIENCE_S = 60
LISTS = (
    "deployments/deployment/",
    "lifecycle/experiment/",
    "lifecycle/run/",
    "lifecycle/registeredmodel/",
    "lifecycle/modelversion/",
    "lifecycle/driftevent/",
    "datasets/dataset/",
    "datasets/datasetversion/",
    "datasets/feature/",
    "core/user/",
    "core/auditentry/",
)
# Words of Python; those that a reader takes for a missing value may have its name.
NOT_FOR_PEOPLE = re.compile(
    r"^(?!null_values: ).*(?:\bNone\b|\('\w+', ').*", re.MULTILINE
)
OTHER_PAGES = ("", "deployments/environmentrule/", "deployments/deployment/add/")


class Desk:
    """The pages of the admin as a person of staff uses them."""

    def __init__(self, stack, browser, sign_in):
        self.browser = browser
        self._home, self._sign_in = f"{stack.url}/admin/", sign_in

    def enter(self, name):
        self._sign_in(self.browser, name)

    def go(self, page):
        self.browser.open(self._home + page)

    def send(self, page, choices=(), **fields):
        """Fill a page's form in, send it off, return the page that follows."""
        self.go(page)
        for name, words in choices:
            self.browser.choose(f"#id_{name}", words)
        for name, text in fields.items():
            self.browser.fill(f"#id_{name}", str(text))
        names = [name for name, _ in choices] + list(fields)
        self.browser.submit(f"#id_{names[0]}")
        return self.browser.path.removeprefix("/admin/")

    def first_of(self, page, query=""):
        """Open the first row of a list, return its page."""
        self.go(f"{page}?{query}")
        self.browser.click("#result_list tbody tr th a")
        path = self.browser.arrive(("/change/", "/work/")).removeprefix("/admin/")
        return f"{path.removesuffix('work/').removesuffix('change/')}change/"

    def wait_for(self, page, status):
        """Look at a deployment again and again until it has this status."""
        deadline = time.monotonic() + PATIENCE_S
        shown = ""
        while not re.search(rf"Status\s+{status}\b", shown):
            assert time.monotonic() < deadline, shown
            time.sleep(0.5)
            self.go(page)
            shown = self.browser.text

    def register(self, version, file):
        """Begin a run, give it a model, register that; return the version's page."""
        name = f"by-hand-{version}"
        self.send("lifecycle/run/add/", [("experiment", "by hand")], name=name)
        run = self.first_of("lifecycle/run/", f"q={name}").removesuffix("change/")
        self.send(f"{run}upload/", file=file)
        made = self.send(
            f"{run}register/", model_name="direction", version=version, checklist="Seen"
        )
        return made.removesuffix("change/")

    def deploy(self, version):
        """Ask for a version in production; return its page once it is active."""
        choices = [("model_version", version), ("environment", "production")]
        made = self.send("deployments/deployment/add/", choices)
        self.wait_for(made, "active")
        return made.removesuffix("work/")


@pytest.fixture
def desk(stack, browser, sign_in):
    return Desk(stack, browser(), sign_in)


@pytest.fixture
def model(stack, tmp_path):
    """The file that the demo has trained."""
    key = {"Authorization": f"Bearer {stack.tokens['scientist']}"}
    status, content = request("GET", stack.url + MODEL, headers=key)
    assert status == 200
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    return file


def test_staff_uploads_a_dataset_and_sees_what_is_in_it(desk, tmp_path):
    file = tmp_path / "squares.csv"
    file.write_text(ROWS)
    desk.enter("maker")

    desk.send("datasets/dataset/add/", name="squares", file=file)
    desk.first_of("datasets/datasetversion/", "q=squares")

    assert "200" in desk.browser.text
    assert len(desk.browser.find("svg[aria-label=histogram] rect")) > 10
    assert len(desk.browser.find("svg[aria-label=correlation] rect")) == 9


def test_staff_goes_from_a_model_to_the_way_back(desk, model):
    desk.enter("maker")
    desk.send("lifecycle/experiment/add/", name="by hand")
    pages = [desk.register(version, model) for version in ("1", "2")]
    for page in pages:
        desk.send(f"{page}change/", [("checklist-0-status", "passed")])
    desk.send(f"{pages[0]}approve/", notes="I say so")
    assert REFUSED in desk.browser.text
    early = desk.send(
        "deployments/deployment/add/",
        [("model_version", "direction 1"), ("environment", "production")],
    )
    assert early == "deployments/deployment/add/"
    assert "production needs an approval of direction 1" in desk.browser.text

    desk.enter("second")
    for page in pages:
        assert desk.send(f"{page}approve/", notes="Read it") == f"{page}change/"
    desk.enter("maker")
    desk.deploy("direction 1")
    second = desk.deploy("direction 2")
    undone = desk.send(f"{second}roll-back/", reason="Worse")
    desk.wait_for(undone, "active")
    desk.wait_for(f"{second}work/", "rolled back")
    desk.send(f"{undone.removesuffix('work/')}terminate/", reason="Done")
    desk.wait_for(undone, "terminated")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("experiments/1/runs/demo-linear-1991-2004", "accuracy"),
        ("experiments/1", "next-day-direction"),
        ("models/next-day-direction", "next-day-direction"),
    ],
)
def test_a_link_that_mlflow_clients_print_leads_to_the_page(desk, stack, link, shown):
    desk.enter("maker")

    desk.browser.open(f"{stack.url}/#/{link}")
    desk.browser.wait(lambda: desk.browser.path.startswith("/admin/"), link)

    desk.browser.wait(lambda: shown in desk.browser.text, shown)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_page_is_cut_or_complains(stack, browser, sign_in, language):
    desk = Desk(stack, browser(language), sign_in)
    password = re.search(r"as admin, password (\S+)", stack.output)[1]
    sign_in(desk.browser, "admin", password)

    for page in (*OTHER_PAGES, *LISTS):
        desk.go(page)
        _is_sound(desk.browser)
    for page in LISTS:
        desk.first_of(page)
        _is_sound(desk.browser)
    desk.first_of("datasets/datasetversion/", "q=sp500")
    _is_sound(desk.browser)


def _is_sound(browser):
    width = browser.run("return document.documentElement.scrollWidth - innerWidth")

    assert width <= 0, browser.path
    assert browser.complaints() == [], browser.path
    assert NOT_FOR_PEOPLE.findall(browser.text) == [], browser.path
