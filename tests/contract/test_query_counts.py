import itertools

import pytest
from django.db import connection

from datasets.models import Dataset, Feature
from lifecycle.models import (
    DriftEvent,
    Experiment,
    ModelVersion,
    NewFigure,
    NewPoint,
    Run,
)
from mlops.core import audit
from mlops.core.models import ApiToken, AuditEntry, User
from tests.contract.queries import constant_queries
from tests.datasets.factories import FeatureFactory
from tests.deployments.factories import DeploymentFactory

__all__ = ["constant_queries"]

pytestmark = pytest.mark.django_db

L = "/api/v1/ml/lifecycle"
MOST = 12
LISTED = (Experiment, ModelVersion, DriftEvent, Dataset, Feature, AuditEntry)
_numbers = itertools.count(1)


def somebody():
    return User.objects.create(username=f"reader-{next(_numbers)}")


def entries(number):
    for _ in range(number):
        audit.record("x", somebody(), by=somebody())


def tokens(number):
    owner = User.objects.get(username="admin")
    for _ in range(number):
        ApiToken.issue(owner, f"token-{next(_numbers)}")


def runs(number):
    """Make runs with figures, each in an experiment of its own."""
    for _ in range(number):
        owner = somebody()
        experiment = Experiment.create(
            f"study-{next(_numbers)}", by=owner, tags={"a": ""}
        )
        run = Run.start(experiment, by=owner)
        run.log(metrics=[NewPoint("f1", 0.5, 0)], params={"depth": 1}, tags={"t": "1"})


def versions(number):
    runs(number)
    for run in Run.objects.order_by("-pk")[:number]:
        version = ModelVersion.register(
            f"model-{next(_numbers)}",
            by=somebody(),
            run=run,
            metrics=[NewFigure("f1", 0.5)],
        )
        DriftEvent.note(
            version, by=None, severity="low", metric_name="psi", metric_value=0.1
        )


def deployments(number):
    for _ in range(number):
        DeploymentFactory(active=True, created_by=somebody())


def features(number):
    for _ in range(number):
        FeatureFactory(feature_name=f"feature_{next(_numbers)}", by=somebody())


LISTS = {
    "/api/v1/audit": entries,
    "/api/v1/auth/tokens": tokens,
    f"{L}/experiments": runs,
    f"{L}/runs": runs,
    f"{L}/models": versions,
    f"{L}/drift-events": versions,
    f"{L}/deployments": deployments,
    f"{L}/deployments/": deployments,
    "/api/v1/features": features,
}


@pytest.mark.parametrize("url", LISTS)
def test_list_costs_the_same_however_long_it_is(constant_queries, url, person):
    person("admin")

    assert constant_queries(url, LISTS[url]) <= MOST


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans of SQLite")
@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_first_page_of_a_list_is_read_in_order_and_not_sorted(model):
    plan = model.objects.all()[:50].explain()

    assert "ORDER BY" not in plan
