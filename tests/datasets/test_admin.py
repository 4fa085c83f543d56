"""The staff's pages: they open, link along the lineage, and call the verbs."""

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datasets.models import (
    BindingTarget,
    Dataset,
    DatasetVersion,
    Feature,
    QualityRule,
)
from mlops.core.models import AuditEntry
from tests.datasets.conftest import PRICES
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db
OURS = [model for model in admin.site._registry if model._meta.app_label == "datasets"]


@pytest.fixture
def staff(client, person, data_dir):
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    return client


@pytest.fixture
def dataset(make_dataset):
    return make_dataset("prices")


def page(name, *args):
    return reverse(f"admin:datasets_{name}", args=args)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_every_list_opens_and_can_be_searched(staff, dataset, model):
    FeatureFactory(feature_name="close")
    url = page(f"{model._meta.model_name}_changelist")

    assert staff.get(url).status_code == 200
    assert staff.get(url, {"q": "x"}).status_code == 200


def test_every_model_has_a_page():
    assert len(OURS) == 14


@pytest.mark.parametrize(
    "model",
    ["dataset", "datasetversion", "column", "ingestjob", "storedanalysis"],
)
def test_every_row_has_a_page_of_its_own(staff, dataset, model):
    row = next(item for item in OURS if item._meta.model_name == model).objects.first()

    answer = staff.get(page(f"{model}_change", row.pk))

    assert answer.status_code == 200


def test_a_versions_page_draws_what_is_in_it(staff, dataset):
    FeatureFactory(feature_name="close", binding=BindingTarget("prices", "close"))

    html = staff.get(
        page("datasetversion_change", dataset.current_version_id)
    ).content.decode()

    assert 'aria-label="histogram"' in html
    assert 'aria-label="correlation"' in html
    assert "AAPL" in html
    assert page("dataset_work", dataset.pk) in html
    assert page("feature_change", Feature.objects.get().pk) in html


def test_names_from_a_file_are_text_and_no_markup(staff, make_dataset):
    made = make_dataset("bad", "a,<script>alert(1)</script>\n1,<b>x</b>\n2,y\n")

    html = staff.get(page("datasetversion_change", made.current_version_id)).content

    assert b"<script>alert(1)" not in html
    assert b"<b>x</b>" not in html


def test_a_dataset_is_uploaded_here_too(staff):
    file = SimpleUploadedFile("prices.csv", PRICES.encode())

    answer = staff.post(page("dataset_add"), {"name": "by-hand", "file": file})

    dataset = Dataset.objects.get(name="by-hand")
    assert answer.url == page("dataset_change", dataset.pk)
    assert (dataset.current_version.row_count, dataset.owner.username) == (56, "admin")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("torn", b"PAR1 and no more", "file"),
        ("a/b", PRICES.encode(), "must not contain"),
        ("prices", b"a\n1\n", "already"),
    ],
)
def test_an_upload_that_is_refused_says_why(staff, dataset, name, content, message):
    file = SimpleUploadedFile("x.parquet", content)

    answer = staff.post(page("dataset_add"), {"name": name, "file": file})

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert Dataset.objects.count() == 1


def test_a_version_is_added_here_too(staff, dataset):
    url = page("dataset_upload_version", dataset.pk)

    answer = staff.post(url, {"file": SimpleUploadedFile("v2.csv", b"a,b\n1,2\n")})

    assert answer.status_code == 302, answer.context["form"].errors
    dataset.refresh_from_db()
    assert dataset.current_version.number == 2


def test_rows_are_appended_here_too(staff, make_dataset):
    dataset = make_dataset("table", "id,price\n1,1.5\n")
    url = page("dataset_upload_rows", dataset.pk)
    shown = staff.get(url).context["form"]
    base = shown.initial["base_version"]

    def send(text, **fields):
        body = {"file": SimpleUploadedFile("more.csv", text), "base_version": base}
        return staff.post(url, {**body, **fields})

    refused = send(b"id,price\n2,many\n")
    widened = send(b"id,price\n2,many\n", widen="on")
    stale = send(b"id,price\n3,3\n")

    assert "&#x27;many&#x27; in line 2" in refused.content.decode()
    assert widened.status_code == 302, widened.context["form"].errors
    dataset.refresh_from_db()
    assert (dataset.current_version.number, dataset.current_version.row_count) == (2, 2)
    assert dataset.schema["price"] == "VARCHAR"
    assert "not the current version" in stale.content.decode()
    assert dataset.versions.count() == 2


def test_there_is_nothing_to_append_to_before_a_version_is_ready(staff, dataset):
    Dataset.objects.update(current_version=None)

    answer = staff.get(page("dataset_upload_rows", dataset.pk), follow=True)

    assert "no version to append to" in answer.content.decode()


def test_details_are_changed_by_the_verb(staff, dataset):
    url = page("dataset_change", dataset.pk)
    inline = {
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }

    answer = staff.post(
        url,
        {"description": "Daily", "tags": '["a", "a"]', "keep_versions": "", **inline},
    )

    dataset.refresh_from_db()
    assert answer.status_code == 302, answer.context["errors"]
    assert (dataset.description, dataset.tags) == ("Daily", ["a"])


def test_an_action_calls_the_verb_and_shows_its_error(staff, dataset):
    url = page("datasetversion_changelist")
    version = dataset.current_version

    answer = staff.post(
        url, {"action": "purge", "_selected_action": [str(version.pk)]}, follow=True
    )

    assert "current version" in answer.content.decode()
    assert DatasetVersion.objects.get().purged_at is None


def test_a_feature_lives_its_life_here(staff, data_dir):
    FeatureFactory(feature_name="base_close")
    form = {
        "feature_name": "ret_1d",
        "feature_type": "derived",
        "data_type": "float",
        "description": "Return of one day",
        "tags": "[]",
        "transformation": "null",
        "validation_rules": "[]",
        "upstream": [str(Feature.objects.get(feature_name="base_close").pk)],
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }

    made = staff.post(page("feature_add"), form)
    feature = Feature.objects.get(feature_name="ret_1d")
    staff.post(
        page("feature_changelist"),
        {"action": "activate", "_selected_action": [str(feature.pk)]},
    )

    feature.refresh_from_db()
    assert made.status_code == 302
    assert (feature.status, feature.owner.username) == ("active", "admin")
    assert [item.feature_name for item in feature.upstream.all()] == ["base_close"]
    assert staff.get(page("feature_change", feature.pk)).status_code == 200


def test_a_feature_that_the_verb_refuses_is_shown_in_the_form(staff, data_dir):
    form = {
        "feature_name": "datasets",
        "feature_type": "derived",
        "data_type": "float",
        "description": "A reserved word",
        "tags": "[]",
        "validation_rules": "[]",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }

    answer = staff.post(page("feature_add"), form, follow=True)

    assert answer.status_code == 200
    assert "reserved" in answer.content.decode()
    assert not Feature.objects.exists()


BINDING_FORM = {
    "feature_name": "close_x",
    "feature_type": "derived",
    "data_type": "float",
    "description": "The close of a day",
    "tags": "[]",
    "validation_rules": "[]",
    "versions-TOTAL_FORMS": 0,
    "versions-INITIAL_FORMS": 0,
}


def test_a_feature_is_bound_and_unbound_in_its_form(staff, dataset):
    bound = {
        "bound_dataset": str(dataset.pk),
        "column": "close",
        "entity_key": "symbol\n",
        "event_time": "date",
    }

    made = staff.post(page("feature_add"), {**BINDING_FORM, **bound})

    feature = Feature.objects.get()
    assert made.status_code == 302
    assert (feature.binding.column, feature.binding.entity_key) == ("close", ["symbol"])
    change = page("feature_change", feature.pk)
    html = staff.get(change).content.decode()
    assert "prices: close" in html
    assert page("datasetversion_change", dataset.current_version_id) in html
    same = {**BINDING_FORM, **bound, "description": "Another text of it"}
    staff.post(change, same)
    feature = Feature.objects.get()
    assert (feature.description, feature.binding.bound_by.username) == (
        "Another text of it",
        "admin",
    )
    staff.post(change, BINDING_FORM)
    assert Feature.objects.get().binding_state == "unbound"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"column": "close"}, "Say in which dataset."),
        ({"bound_dataset": True}, "Give one of column and formula."),
        ({"bound_dataset": True, "column": "no"}, "prices has no column"),
        ({"bound_dataset": True, "expression": "symbol+1"}, "it takes numbers only"),
    ],
)
def test_a_binding_that_fits_nothing_is_told_on_the_page(staff, dataset, wrong, said):
    given = {key: dataset.pk if one is True else one for key, one in wrong.items()}

    answer = staff.post(page("feature_add"), {**BINDING_FORM, **given}, follow=True)

    assert said in answer.content.decode()
    assert not Feature.objects.exists()


def test_what_is_done_to_a_rule_stands_once_in_the_audit_trail(staff, dataset):
    fields = {"kind": "not_null", "columns": ["close"], "severity": "fail"}
    rule = QualityRule.add(Dataset.objects.get(), by=None, **fields)
    form = {"severity": "warn", "is_enabled": "on"}
    trail = AuditEntry.objects.filter(object_type="datasets.qualityrule")

    staff.post(page("qualityrule_change", rule.pk), form)
    staff.post(page("qualityrule_change", rule.pk), form)
    staff.post(page("qualityrule_delete", rule.pk), {"post": "yes"})

    assert list(trail.order_by("pk").values_list("action", flat=True)) == [
        "create",
        "update",
        "delete",
    ]
    assert not QualityRule.objects.exists()
