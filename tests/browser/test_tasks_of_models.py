"""What people do with models and the own account: from home, in few steps.

A step is a page that is opened or a button that is pressed; ticks, typing and the
answer to a question are not counted.
"""

import pytest

from tests.browser.conftest import PASSWORD
from tests.browser.person import KEY_ENTER, Person
from tests.browser.pictures import taken

pytestmark = pytest.mark.slow

PEOPLE = """
from django.contrib.auth.models import Group
from lifecycle.models import ModelVersion, NewCheck, Run
from mlops.core.models import User
people = {{}}
for name, role in (("arbiter", "approver"), ("pilot", "deployer"), ("guest", "viewer")):
    user = User.objects.create_user(name, password={password!r}, is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    people[name] = user
made = ModelVersion.register(
    "churn", by=None, version="1", run=Run.objects.order_by("pk").first(),
    artifact_path="model.onnx", checklist=[NewCheck("documented")])
other = ModelVersion.register(
    "churn", by=None, version="2", run=Run.objects.order_by("pk").first(),
    artifact_path="model.onnx", checklist=[])
other.approve(by=people["arbiter"], notes="as before")
other.move_to_stage("staging", by=people["arbiter"], reason="for the autumn campaign")
"""


@pytest.fixture(scope="module")
def registry(stack):
    """A model with a version that waits and one that is approved, and its people."""
    stack.manage("shell", "-v0", "-c", PEOPLE.format(password=PASSWORD))
    return stack


@pytest.fixture
def person(registry, browser, sign_in):
    def enter(name, language="en"):
        window = browser(language)
        sign_in(window, name)
        return Person(window, (registry.url, registry.serving_url))

    return enter


def test_approver_ticks_the_list_and_approves(person):
    arbiter = person("arbiter")

    arbiter.follow("churn 1")
    arbiter.browser.choose("select[name^=status-]", "passed")
    arbiter.browser.fill("#reason", "the page is written")
    arbiter.click("button[value=approve]")

    arbiter.sees("churn 1 is approved.")
    arbiter.sees("the page is written")
    arbiter.is_done()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_anybody_finds_who_changed_a_stage(person, language):
    guest = person("guest", language)

    guest.browser.fill("#work-search", "churn")
    guest.steps += 1
    guest.browser.press(KEY_ENTER, "#work-search")
    guest.follow("churn")

    guest.sees("for the autumn campaign")
    guest.sees("arbiter")
    guest.is_done()


def test_deployer_deploys_an_approved_version(person):
    pilot = person("pilot")

    pilot.browser.fill("#work-search", "churn 2")
    pilot.steps += 1
    pilot.browser.press(KEY_ENTER, "#work-search")
    pilot.follow("churn 2")
    pilot.browser.choose("select[name=environment]", "staging")
    pilot.click("button[value=deploy]")

    pilot.browser.wait(
        lambda: "/deployments/deployment/" in pilot.browser.path, "the deployment"
    )
    pilot.sees("churn")
    pilot.is_done()


def test_token_is_made_in_two_clicks(person):
    guest = person("guest")

    guest.click("aside a[href$='/account/']")
    guest.browser.fill("#id_name", "notebook")
    guest.click("button[value=make]")

    guest.sees("Your new token, shown this once")
    assert guest.browser.run(
        "return document.getElementById('token-text').textContent"
    ).startswith("mlops_")
    guest.is_done()


def test_token_is_made_by_keyboard_alone(person):
    guest = person("guest")

    guest.tab_to("here.pathname == '/admin/account/'")
    guest.key_enter()
    guest.browser.arrive("/account/")
    guest.tab_to("here.id == 'id_name'")
    guest.browser.press("by keys")
    guest.key_enter()

    guest.sees("Your new token, shown this once")
    guest.is_done()


def test_who_changed_a_stage_is_found_by_keyboard_alone(person):
    guest = person("guest")

    guest.browser.press("t")
    guest.browser.press("churn")
    guest.key_enter()
    guest.browser.arrive("/find/")
    guest.tab_to("here.textContent.trim() == 'churn'")
    guest.key_enter()

    guest.sees("for the autumn campaign")
    guest.is_done()


def test_list_is_ticked_by_keyboard_alone(person):
    arbiter = person("arbiter")
    arbiter.browser.press("t")
    arbiter.browser.press("churn")
    arbiter.key_enter()
    arbiter.browser.arrive("/find/")
    arbiter.tab_to("here.textContent.trim() == 'churn 1'")
    arbiter.key_enter()

    arbiter.tab_to("here.name && here.name.startsWith('note-')")
    arbiter.browser.press("seen by keys")
    arbiter.tab_to("here.value == 'check'")
    arbiter.key_enter()

    arbiter.sees("The checklist is saved.")
    arbiter.is_done()


def test_picture_of_a_model(person):
    guest = person("arbiter")

    guest.find("next-day-direction", "/lifecycle/registeredmodel/")

    assert guest.browser.find("main .badge.good")
    taken(guest.browser, "model")
