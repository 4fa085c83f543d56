"""The writers of the registry, each with the acts that it offers.

An act returns nothing when it was done, and otherwise what the writer answered: its own
code, and a text that names the cause.
"""

from typing import NamedTuple

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from lifecycle.models import LoggedModel, ModelVersion, NewCheck
from lifecycle.states import ChecklistStatus, LoggedModelStatus
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.errors import DomainError
from mlops.core.models import ApiToken
from tests.lifecycle.mlflow.conftest import MlflowClient

REST = "/api/v1/ml/lifecycle/models"
STAGES = {"experimental": "None"}
ACTIONS = {
    "staging": "to_staging",
    "production": "to_production",
    "archived": "to_archive",
    "experimental": "to_experimental",
}
CODES = {
    "invalid": "INVALID_PARAMETER_VALUE",
    "not_found": "RESOURCE_DOES_NOT_EXIST",
    "conflict": "BAD_REQUEST",
    "forbidden": "PERMISSION_DENIED",
}


class Refused(NamedTuple):
    """Why something was refused; `kind` is that of the error behind it."""

    code: str
    text: str
    kind: str = ""


def boss():
    """Return the one who does everything here, by whatever writer."""
    person, _ = get_user_model().objects.get_or_create(
        username="boss", is_staff=True, is_superuser=True
    )
    return person


class Verbs:
    """The methods of the models, as the demo and other apps call them."""

    def __init__(self):
        self.by = boss()

    @staticmethod
    def code_of(cause):
        return cause.code

    def _try(self, verb, *args, **options):
        try:
            verb(*args, by=self.by, **options)
        except DomainError as error:
            return Refused(error.code, error.message, error.kind)
        return None

    def register(self, run, name):
        return self._try(ModelVersion.register, name, run=run)

    def relabel(self, run, name, label):
        return self._try(ModelVersion.register, name, run=run, version=label)

    def move(self, version, stage):
        return self._try(version.move_to_stage, stage)

    def approve(self, version):
        return self._try(version.approve, notes="ok")

    def check(self, version):
        passed = NewCheck("load test", ChecklistStatus.PASSED)
        return self._try(version.set_checklist, [passed])

    def describe(self, thing):
        return self._try(thing.describe, "better")

    def set_tag(self, thing):
        return self._try(thing.set_tag, "team", "core")

    def drop_tag(self, thing):
        return self._try(thing.drop_tag, "team")

    def point(self, version, alias):
        return self._try(version.model.set_alias, alias, version)

    def drop(self, version, alias):
        return self._try(version.model.drop_alias, alias)

    def rename(self, model):
        return self._try(model.rename, "attrition")

    def remove(self, thing):
        return self._try(thing.remove)

    def begin(self, run):
        new = NewLoggedModel(run.experiment_id, "tree", run_uid=run.uid)
        return self._try(LoggedModel.begin, new)

    def finish(self, logged, status):
        return self._try(logged.finish, LoggedModelStatus(status))

    def soft_delete(self, logged):
        return self._try(logged.delete_softly)


class Rest:
    def __init__(self):
        self._client = APIClient()
        self._client.force_authenticate(boss())

    @staticmethod
    def code_of(cause):
        return cause.code

    def _told(self, answer):
        if answer.status_code < 400:
            return None
        return Refused(answer.json()["code"], answer.json()["detail"])

    def _patch(self, version, **body):
        address = f"{REST}/{version.model.name}/{version.version}"
        return self._told(self._client.patch(address, body))

    def register(self, run, name):
        number = ModelVersion.objects.filter(model__name=name).count() + 1
        return self.relabel(run, name, str(number))

    def relabel(self, run, name, label):
        body = {"model_name": name, "version": label, "run_id": run.uid}
        return self._told(self._client.post(REST, body))

    def move(self, version, stage):
        return self._patch(version, stage=stage)

    def approve(self, version):
        return self._patch(version, approved_by="me", approval_notes="ok")

    def check(self, version):
        return self._patch(
            version, checklist=[{"name": "load test", "status": "passed"}]
        )


class Admin:
    def __init__(self):
        self._client = Client()
        self._client.force_login(boss())

    @staticmethod
    def code_of(_cause):
        return ""

    def _tried(self, name, *args, **fields):
        address = reverse(f"admin:lifecycle_{name}", args=args)
        page = self._client.post(address, fields, follow=True).context
        said = [
            str(one) for one in page.get("messages", ()) if one.level >= messages.ERROR
        ]
        if (form := page.get("form")) is not None:
            said += [text for texts in form.errors.values() for text in texts]
        return Refused("", " ".join(said)) if said else None

    def register(self, run, name):
        return self.relabel(run, name, "")

    def relabel(self, run, name, label):
        fields = {"model_name": name, "version": label, "checklist": ""}
        return self._tried("run_register", run.pk, **fields)

    def move(self, version, stage):
        return self._tried(
            "modelversion_changelist",
            action=ACTIONS[stage],
            _selected_action=str(version.pk),
            confirmed="yes",
        )

    def approve(self, version):
        return self._tried("modelversion_approve", version.pk, notes="ok")

    def check(self, version):
        item = version.checklist.first()
        return self._tried(
            "modelversion_change",
            version.pk,
            **{
                "description": version.description,
                "checklist-TOTAL_FORMS": "2",
                "checklist-INITIAL_FORMS": "1",
                "checklist-0-id": str(item.pk),
                "checklist-0-version": str(version.pk),
                "checklist-0-name": item.name,
                "checklist-0-status": item.status,
                "checklist-0-note": "",
                "checklist-0-DELETE": "on",
                "checklist-1-id": "",
                "checklist-1-version": str(version.pk),
                "checklist-1-name": "load test",
                "checklist-1-status": "passed",
                "checklist-1-note": "",
            },
        )

    def describe(self, thing):
        fields = {"description": "better"}
        if isinstance(thing, ModelVersion):
            fields |= {"checklist-TOTAL_FORMS": "0", "checklist-INITIAL_FORMS": "0"}
        return self._tried(f"{thing._meta.model_name}_change", thing.pk, **fields)

    def point(self, version, alias):
        return self._tried("modelversion_alias", version.pk, alias=alias)


class Mlflow:
    """The protocol; it says `number` where others say a label."""

    def __init__(self):
        _, token = ApiToken.issue(boss(), "registry")
        self._client = MlflowClient(token)

    @staticmethod
    def code_of(cause):
        return CODES[cause.kind]

    def _told(self, answer):
        return None if answer.status == 200 else Refused(answer.code, answer.message)

    @staticmethod
    def _address(thing):
        if isinstance(thing, ModelVersion):
            named = {"name": thing.model.name, "version": str(thing.number)}
            return "model-versions", named
        return "registered-models", {"name": thing.name}

    def register(self, run, name):
        model = self._client.get("registered-models/get", name=name)
        if model.status == 404:
            made = self._told(self._client.post("registered-models/create", name=name))
            if made is not None:
                return made
        source = f"runs:/{run.uid}/"
        return self._told(
            self._client.post(
                "model-versions/create", name=name, source=source, run_id=run.uid
            )
        )

    def move(self, version, stage):
        address, named = self._address(version)
        stage = STAGES.get(stage, stage)
        return self._told(
            self._client.post(f"{address}/transition-stage", **named, stage=stage)
        )

    def describe(self, thing):
        address, named = self._address(thing)
        return self._told(
            self._client.patch(f"{address}/update", **named, description="better")
        )

    def set_tag(self, thing):
        address, named = self._address(thing)
        return self._told(
            self._client.post(f"{address}/set-tag", **named, key="team", value="core")
        )

    def drop_tag(self, thing):
        address, named = self._address(thing)
        return self._told(
            self._client.delete(f"{address}/delete-tag", **named, key="team")
        )

    def point(self, version, alias):
        _, named = self._address(version)
        return self._told(
            self._client.post("registered-models/alias", **named, alias=alias)
        )

    def drop(self, version, alias):
        name = version.model.name
        return self._told(
            self._client.delete("registered-models/alias", name=name, alias=alias)
        )

    def rename(self, model):
        return self._told(
            self._client.post(
                "registered-models/rename", name=model.name, new_name="attrition"
            )
        )

    def remove(self, thing):
        address, named = self._address(thing)
        return self._told(self._client.delete(f"{address}/delete", **named))

    def begin(self, run):
        return self._told(
            self._client.post(
                "logged-models",
                experiment_id=str(run.experiment_id),
                name="tree",
                source_run_id=run.uid,
            )
        )

    def finish(self, logged, status):
        wire = {"FAILED": "UPLOAD_FAILED"}.get(status, status)
        return self._told(
            self._client.patch(
                f"logged-models/{logged.pk}", status=f"LOGGED_MODEL_{wire}"
            )
        )

    def soft_delete(self, logged):
        return self._told(self._client.delete(f"logged-models/{logged.pk}"))


WRITERS = {"verbs": Verbs, "rest": Rest, "mlflow": Mlflow, "admin": Admin}
