"""One of everything, made by the owner, for the permission matrix."""

import io

from rest_framework.test import APIClient

from datasets.models import UploadSession
from deployments.models import DeploymentKey, DriftCheck
from deployments.states import DriftSubject
from lifecycle import artifacts
from lifecycle.models import Experiment, LoggedModel, ModelVersion, Run
from lifecycle.models.metric import NewPoint
from lifecycle.store.logged_models import NewLoggedModel
from mlops.core.models import ApiToken
from mlops.webhooks.models import Webhook, WebhookDelivery
from tests.datasets.factories import FeatureFactory
from tests.deployments.factories import served

DATASETS = "/api/v1/features/datasets"
ROWS = {"1": b"x,y\n1,2\n2,3\n3,5\n", "2": b"x,y\n1,9\n2,3\n4,5\n"}


def dataset(owner) -> dict[str, str]:
    """Upload a dataset of two versions and a rule by the API; return their ids."""
    client = APIClient()
    client.force_authenticate(owner)
    body = {"name": "prices", "file": io.BytesIO(ROWS["1"])}
    made = client.post(DATASETS, body, format="multipart")
    address = f"{DATASETS}/{made.json()['id']}"
    body = {"file": io.BytesIO(ROWS["2"])}
    client.post(f"{address}/versions", body, format="multipart")
    rule = {"kind": "not_null", "columns": ["x"]}
    ruled = client.post(f"{address}/rules", rule, format="json")
    return {"dataset": made.json()["id"], "rule": ruled.json()["id"]}


def told(owner) -> tuple[Webhook, WebhookDelivery]:
    """Make a webhook with a message, at an address that may not be called."""
    made = Webhook.add(
        by=owner, name="chat", url="https://93.184.216.34/", kinds=["webhook.created"]
    )
    Webhook.objects.filter(pk=made.pk).update(url="http://127.0.0.1/")
    WebhookDelivery.queue_next(made)
    return made, made.deliveries.get()


def build(owner) -> dict[str, str]:
    """Make the world; return what its paths name."""
    experiment = Experiment.create("churn-study", by=owner)
    run = Run.start(experiment, by=owner, uid="run-of-the-world")
    run.log(metrics=[NewPoint("loss", 0.4, 0, 1)])
    artifact = artifacts.save(run, "model.onnx", [b"weights"], by=owner)
    logged = LoggedModel.begin(
        NewLoggedModel(experiment=experiment.pk, name="logged"), by=owner
    )
    artifacts.save(logged, "MLmodel", [b"flavors: {}\n"], by=owner)
    versions = [
        ModelVersion.register("churn", by=owner, run=run, version=label)
        for label in ("1", "2")
    ]
    _first, second = (served(version, by=owner) for version in versions)
    key, _ = DeploymentKey.issue(second.slot, "key", by=owner)
    check = DriftCheck.give_up(second, DriftSubject.REQUESTS, "nothing to compare")
    upload = UploadSession.begin("a.csv", 3, by=owner)
    FeatureFactory(feature_name="age", by=owner)
    token, _ = ApiToken.issue(owner, "world")
    webhook, delivery = told(owner)
    return {
        "experiment": experiment.name,
        "run": run.uid,
        "metric": "loss",
        "artifact": artifact.path,
        "logged_model": logged.pk,
        "model_id": str(versions[0].pk),
        "deployment": str(second.pk),
        "key": str(key.pk),
        "drift_check": str(check.pk),
        **dataset(owner),
        "upload": str(upload.pk),
        "token": str(token.pk),
        "webhook": str(webhook.pk),
        "delivery": str(delivery.pk),
    }
