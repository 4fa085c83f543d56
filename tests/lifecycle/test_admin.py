import pytest
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from lifecycle.models import (
    Artifact,
    DriftEvent,
    Experiment,
    ModelVersion,
    NewPoint,
    Run,
)
from lifecycle.states import ChecklistStatus, ExperimentStatus, ModelStage
from mlops.core.models import AuditEntry, User
from mlops.core.pages import address_of
from tests.lifecycle.factories import (
    ExperimentFactory,
    RunFactory,
    VersionFactory,
    stored,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    user = User.objects.create_superuser("boss")
    client.force_login(user)
    return user


@pytest.fixture
def whole():
    """One of everything that has a page of its own."""
    run = RunFactory()
    run.log(
        metrics=[
            NewPoint("loss", 1 / (step + 1), step, dataset="val") for step in range(20)
        ],
        params={"depth": 3},
        tags={"hot": ""},
    )
    run.experiment.set_tags({"team": "core"}, by=None)
    stored(run)
    version = VersionFactory(run=run, passed=True, approved=True)
    version.model.set_alias("champion", version, by=None)
    version.move_to_stage(ModelStage.STAGING, by=None)
    DriftEvent.note(
        version, by=None, severity="low", metric_name="psi", metric_value=0.1
    )
    return version


def test_a_run_has_a_page_under_the_id_that_its_clients_know(client, staff):
    run = RunFactory()

    by_id = client.get(f"/admin/lifecycle/run/{run.uid}/change/")
    by_row = client.get(f"/admin/lifecycle/run/{run.pk}/change/")
    nothing = client.get("/admin/lifecycle/run/nothing/change/")

    assert run.uid in by_id.content.decode()
    assert (by_id.status_code, by_row.status_code) == (200, 200)
    assert nothing.status_code == 404


def test_every_model_has_a_page():
    models = set(apps.get_app_config("lifecycle").get_models())

    assert models <= set(admin.site._registry)


@pytest.mark.parametrize(
    "model",
    list(apps.get_app_config("lifecycle").get_models()),
    ids=lambda model: model.__name__,
)
def test_every_list_and_page_opens(client, staff, whole, model):
    meta = model._meta
    name = f"admin:{meta.app_label}_{meta.model_name}"

    page = client.get(reverse(f"{name}_changelist"))
    found = client.get(reverse(f"{name}_changelist"), {"q": "a"})

    assert page.status_code == 200
    assert found.status_code == 200
    row = model.objects.first()
    if row is not None:
        assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


def test_lineage_can_be_walked_by_links(client, staff, whole):
    experiment, run = whole.run.experiment, whole.run

    for start, end in ((experiment, run), (run, whole), (whole, run)):
        assert address_of(end) in client.get(url_of(start)).content.decode()


def test_curve_is_drawn_on_the_runs_page(client, staff, whole):
    page = client.get(url_of(whole.run)).content.decode()

    assert "<polyline" in page
    assert "loss (val)" in page


def test_more_metrics_than_are_drawn_are_said(client, staff):
    run = RunFactory()
    run.log(
        metrics=[NewPoint(f"m{n}", 0.5, step) for n in range(13) for step in (1, 2)]
    )

    page = client.get(url_of(run)).content.decode()

    assert page.count("<polyline") == 12
    assert "The first 12 of 13 metrics" in page
    assert reverse("admin:lifecycle_run_work", args=[run.pk]) in page


def test_extreme_values_are_drawn(client, staff):
    run = RunFactory()
    values = [1e308, -1e308, float("inf"), float("nan"), 0.0]
    run.log(metrics=[NewPoint("loss", value, n) for n, value in enumerate(values)])

    assert "<polyline" in client.get(url_of(run)).content.decode()


def test_staff_goes_from_an_experiment_to_a_version_in_production(client, staff):
    client.post(
        reverse("admin:lifecycle_experiment_add"),
        {"name": "momentum", "description": "", "metadata": "{}"},
    )
    experiment = Experiment.objects.get()
    client.post(
        reverse("admin:lifecycle_run_add"),
        {"experiment": experiment.pk, "name": "by hand", "notes": ""},
    )
    run = Run.objects.get()
    client.post(
        reverse("admin:lifecycle_run_upload", args=[run.pk]),
        {"file": SimpleUploadedFile("model.onnx", b"weights"), "path": ""},
    )
    client.post(
        reverse("admin:lifecycle_run_register", args=[run.pk]),
        {"model_name": "churn", "version": "", "checklist": "bias\nload"},
    )
    version = ModelVersion.objects.get()
    save_checklist(client, version, ChecklistStatus.PASSED)
    client.force_login(User.objects.create_superuser("second"))
    client.post(
        reverse("admin:lifecycle_modelversion_approve", args=[version.pk]),
        {"notes": "fine"},
    )
    act(client, version, "to_production")

    version.refresh_from_db()
    assert version.stage == ModelStage.PRODUCTION
    assert version.created_by == staff
    assert version.approved_by.username == "second"
    assert version.artifact == Artifact.objects.get()
    assert run.created_by == experiment.owner == staff


def test_author_is_told_that_approval_is_not_the_authors(client, staff):
    version = VersionFactory(by=staff, passed=True)

    page = act(client, version, "approve_selected")
    form = client.post(
        reverse("admin:lifecycle_modelversion_approve", args=[version.pk]),
        {"notes": ""},
    )

    assert "Whoever made a version cannot approve it." in page.content.decode()
    assert "Whoever made a version cannot approve it." in form.content.decode()
    assert not ModelVersion.objects.get().is_approved


def test_broken_rule_is_shown_as_a_message(client, staff):
    page = act(client, VersionFactory(), "to_staging")

    assert "is not passed: bias reviewed (pending)" in page.content.decode()
    assert ModelVersion.objects.get().stage == ModelStage.EXPERIMENTAL


def test_changed_checklist_voids_the_approval_here_too(client, staff):
    version = VersionFactory(passed=True, approved=True)

    save_checklist(client, version, ChecklistStatus.FAILED)

    assert not ModelVersion.objects.get().is_approved
    assert AuditEntry.objects.filter(action="set_checklist", actor=staff).exists()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd"])
def test_unsafe_path_is_shown_beside_its_field(client, staff, path):
    run = RunFactory()

    page = client.post(
        reverse("admin:lifecycle_run_upload", args=[run.pk]),
        {"file": SimpleUploadedFile("a", b"x"), "path": path},
    )

    assert page.status_code == 200
    assert "A path must" in page.content.decode()
    assert not run.artifacts.exists()


def test_file_in_use_is_not_removed(client, staff, whole):
    artifact = Artifact.objects.get()

    page = act(client, artifact, "remove")

    assert "stands on this file" in page.content.decode()
    assert Artifact.objects.exists()


def test_experiment_is_archived_and_taken_out_again(client, staff):
    experiment = ExperimentFactory()

    act(client, experiment, "archive")
    assert Experiment.objects.get().status == ExperimentStatus.ARCHIVED
    act(client, experiment, "activate")

    assert Experiment.objects.get().status == ExperimentStatus.ACTIVE


def test_run_is_ended_once(client, staff):
    run = RunFactory()

    act(client, run, "complete")
    page = act(client, run, "fail")

    assert "cannot become failed" in page.content.decode()
    assert Run.objects.get().status == "completed"


def test_staff_without_the_permission_sees_and_does_nothing(client, whole):
    client.force_login(User.objects.create_user("guest", is_staff=True))

    for name, args in (
        ("lifecycle_run_upload", [whole.run.pk]),
        ("lifecycle_run_register", [whole.run.pk]),
        ("lifecycle_modelversion_approve", [whole.pk]),
        ("lifecycle_modelversion_alias", [whole.pk]),
    ):
        assert client.get(reverse(f"admin:{name}", args=args)).status_code == 404
    page = reverse("admin:lifecycle_modelversion_changelist")
    assert client.get(page).status_code == 403


def url_of(row):
    return reverse(f"admin:lifecycle_{row._meta.model_name}_change", args=[row.pk])


def act(client, row, name):
    return client.post(
        reverse(f"admin:lifecycle_{row._meta.model_name}_changelist"),
        {"action": name, "_selected_action": [str(row.pk)], "confirmed": "yes"},
        follow=True,
    )


def save_checklist(client, version, status):
    items = list(version.checklist.all())
    form = {
        "description": "",
        "checklist-TOTAL_FORMS": len(items),
        "checklist-INITIAL_FORMS": len(items),
    }
    for number, item in enumerate(items):
        form |= {
            f"checklist-{number}-id": item.pk,
            f"checklist-{number}-version": version.pk,
            f"checklist-{number}-name": item.name,
            f"checklist-{number}-status": status,
            f"checklist-{number}-note": "",
        }
    answer = client.post(url_of(version), form)
    assert answer.status_code == 302, answer.context["errors"]
