"""What every page of the admin does: errors, times, names, search, questions."""

import pytest
from django.urls import reverse

from deployments.models import DeploymentEvent
from lifecycle.models import Experiment, Run
from mlops.core.models import AuditEntry, User
from tests.deployments.factories import DeploymentFactory
from tests.lifecycle.factories import ExperimentFactory, RunFactory

pytestmark = pytest.mark.django_db

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def clerk(client):
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    return client


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/admin/nonexist/", "/nowhere"])
def test_wrong_address_is_a_page_with_a_way_back(boss, address):
    answer = boss.get(address, headers=BROWSER)

    page = answer.content.decode()
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")
    assert f'href="{reverse("admin:index")}"' in page
    assert answer["X-Request-ID"] in page


def test_refused_page_says_so_and_leads_back(clerk):
    address = reverse("admin:core_auditentry_changelist")

    answer = clerk.get(address, headers=BROWSER)

    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()


def test_crash_is_a_page_without_a_word_of_its_insides(boss, monkeypatch):
    def crash(*arguments):
        raise RuntimeError("secret insides")

    monkeypatch.setattr(Experiment, "__str__", crash)
    row = ExperimentFactory()
    boss.raise_request_exception = False

    answer = boss.get(page_of(row), headers=BROWSER)

    page = answer.content.decode()
    assert answer.status_code == 500
    assert "Something broke on our side" in page
    assert "insides" not in page


def test_form_without_its_token_is_a_page(client):
    client.handler.enforce_csrf_checks = True

    answer = client.post("/admin/login/", {"username": "a"}, headers=BROWSER)

    assert answer.status_code == 403
    assert "load the page again" in answer.content.decode()


def test_page_of_an_error_is_korean_for_who_asks(boss):
    answer = boss.get("/admin/nonexist/", headers=BROWSER | {"Accept-Language": "ko"})

    assert "이 주소에는 아무것도 없습니다" in answer.content.decode()


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_programs_get_problems_as_json(client, accept):
    answer = client.get("/nowhere", headers={"Accept": accept})

    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert "Accept" in answer["Vary"]


def test_api_answers_a_browser_as_everybody(client):
    answer = client.get("/api/v1/nowhere", headers=BROWSER)

    assert answer["Content-Type"] == "application/problem+json"


# Names and times --------------------------------------------------------------------


def test_name_in_the_heading_keeps_its_letters(boss):
    experiment = ExperimentFactory(name="next-day-direction")

    page = boss.get(page_of(experiment)).content.decode()

    assert "next-day-direction" in page
    assert "Next-day-direction" not in page


@pytest.mark.parametrize("language", ["en", "ko"])
def test_times_have_seconds_and_a_zone(boss, language):
    entry = AuditEntry.objects.create(action="x", object_type="y", object_id="1")

    address = reverse("admin:core_auditentry_changelist")
    page = boss.get(address, headers={"Accept-Language": language}).content.decode()

    assert f"{entry.at:%Y-%m-%d %H:%M:%S} UTC" in page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "moved to a stage"), ("ko", "단계를 옮김")]
)
def test_trail_says_in_words_what_was_done(boss, language, words):
    AuditEntry.objects.create(
        action="move_to_stage", object_type="lifecycle.run", object_id="1"
    )

    address = reverse("admin:core_auditentry_changelist")
    page = boss.get(address, headers={"Accept-Language": language}).content.decode()

    assert words in page


def test_no_is_not_shown_as_an_error(boss):
    User.objects.create_user("closed", is_active=False)

    page = boss.get(reverse("admin:core_user_changelist")).content.decode()

    assert "close_small" in page
    assert "whitespace-nowrap bg-red-100" not in page


# Search -----------------------------------------------------------------------------


def found(client, term):
    address = reverse("admin:search")
    answer = client.get(address, {"s": term, "extended": "1"})
    return [(one.description, one.title) for one in answer.context["results"]]


def test_search_finds_what_people_look_for_and_no_plumbing(boss):
    deployment = DeploymentFactory(active=True, model_version__model__name="direction")
    DeploymentEvent.objects.create(
        deployment=deployment, sequence=1, to_status="active", mover="system"
    )
    RunFactory(experiment=ExperimentFactory(name="direction-study"), name="direction-1")

    kinds = [kind for kind, _ in found(boss, "Direction")]

    assert kinds == ["model", "model version", "run", "experiment", "deployment"]


def test_search_finds_a_run_by_the_beginning_of_its_id(boss):
    run = RunFactory(uid="0fe1c2d3")

    assert ("run", str(run)) in found(boss, "0fe1")


def test_search_finds_what_was_made_a_moment_ago(boss):
    assert found(boss, "brand-new") == []

    ExperimentFactory(name="brand-new")

    assert found(boss, "brand-new") == [("experiment", "brand-new")]


def test_search_does_not_show_what_one_may_not_see(clerk):
    ExperimentFactory(name="secret-study")

    assert found(clerk, "secret") == []


def test_search_asks_a_query_for_each_kind(boss, django_assert_max_num_queries):
    for _ in range(30):
        DeploymentFactory(active=True)

    with django_assert_max_num_queries(10):
        found(boss, "model")


# Questions before something is taken away -------------------------------------------


def press(client, row, action, **fields):
    form = {"action": action, "_selected_action": [str(row.pk)], **fields}
    return client.post(list_of(row), form)


@pytest.mark.parametrize(
    ("make", "action"),
    [
        (ExperimentFactory, "archive"),
        (ExperimentFactory, "remove"),
        (RunFactory, "fail"),
        (RunFactory, "cancel"),
        (RunFactory, "remove"),
    ],
)
def test_list_action_that_takes_away_asks_first(boss, make, action):
    row = make()
    before = type(row).objects.values().get(pk=row.pk)

    answer = press(boss, row, action)

    assert answer.status_code == 200
    assert str(row) in answer.content.decode()
    assert type(row).objects.values().get(pk=row.pk) == before


def test_reason_of_a_list_action_stands_in_the_trail(boss):
    run = RunFactory()

    press(boss, run, "remove", confirmed="yes", reason="logged twice")

    assert Run.objects.get(pk=run.pk).deleted_ms is not None
    entry = AuditEntry.objects.get(action="delete")
    assert entry.changes["reason"] == "logged twice"


def test_reason_ends_with_its_action(boss):
    run = RunFactory()

    press(boss, run, "remove", confirmed="yes", reason="logged twice")
    press(boss, run, "restore")

    assert "reason" not in AuditEntry.objects.get(action="restore").changes


def test_runs_are_filtered_by_an_experiment_that_is_looked_up(boss):
    for number in range(3):
        ExperimentFactory(name=f"study-{number}")
    run = RunFactory()
    query = {"experiment__id__exact": run.experiment.pk}

    answer = boss.get(reverse("admin:lifecycle_run_changelist"), query)

    assert "study-2" not in answer.content.decode()
    assert list(answer.context["cl"].result_list) == [run]


def list_of(row):
    return reverse(f"admin:lifecycle_{row._meta.model_name}_changelist")


def page_of(row):
    return reverse(f"admin:lifecycle_{row._meta.model_name}_change", args=[row.pk])


# Numbers and JSON -------------------------------------------------------------------


def test_lists_count_their_rows_in_words_that_fit(boss):
    AuditEntry.objects.create(action="a", object_type="core.user", object_id="1")
    address = reverse("admin:core_auditentry_changelist")

    page = " ".join(boss.get(address).content.decode().split())

    assert "1 row</div>" in page
    assert "audit trail </div>" not in page


def test_numbers_of_lists_have_separators_and_names_have_none(boss):
    deployment = DeploymentFactory(revision=12_345)
    address = reverse("admin:deployments_deployment_changelist")

    page = boss.get(address).content.decode()

    assert ">12,345<" in page
    assert str(deployment.pk) in page


def test_json_of_a_record_is_shown_as_what_it_says(boss):
    strategy = {"type": "canary", "steps": [10, 50], "sticky": None}
    deployment = DeploymentFactory(strategy=strategy)
    address = reverse("admin:deployments_deployment_change", args=[deployment.pk])

    page = boss.get(address).content.decode()

    assert "<li>type: canary</li><li>steps: 10, 50</li><li>sticky: —</li>" in page
    assert "&quot;canary&quot;" not in page
