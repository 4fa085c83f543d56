"""What a scrape says about deployments."""

import pytest
from django.utils import timezone

from deployments.gauges import families
from deployments.models import Lease
from tests.deployments.factories import DeploymentFactory, count

pytestmark = pytest.mark.django_db


def samples():
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families()
        for sample in family.samples
    }


def test_a_scrape_has_counts_health_traffic_and_latency():
    Lease.take("reconciler", "me")
    one = DeploymentFactory(active=True, health="healthy", judged_at=timezone.now())
    DeploymentFactory(status="failed")
    count(
        one,
        timezone.now(),
        request_count=10,
        error_count=2,
        client_error_count=1,
        rejected_count=3,
        unavailable_count=0,
        non_finite_count=4,
        sum_ms=14.0,
        histogram={"40": 6, "60": 1},
    )
    named = {
        "model": one.slot.model.name,
        "environment": "development",
        "version": one.model_version.version,
        "deployment": str(one.pk),
    }

    found = samples()

    def value(name, **labels):
        return found[name, *sorted({**named, **labels}.items())]

    failed = ("environment", "development"), ("status", "failed")
    assert found["mlops_deployments", *failed] == 1
    assert value("mlops_deployment_healthy") == 1.0
    assert 0 <= value("mlops_deployment_judged_age_seconds") < 120
    assert 0 <= found["mlops_reconciler_age_seconds",] < 120
    assert value("mlops_inference_request_total") == 10
    assert value("mlops_inference_error_total") == 2
    assert value("mlops_inference_client_error_total") == 1
    assert value("mlops_inference_rejected_total") == 3
    assert value("mlops_inference_unavailable_total") == 0
    assert value("mlops_inference_non_finite_total") == 4
    assert value("mlops_inference_duration_seconds_bucket", le="+Inf") == 7
    assert value("mlops_inference_duration_seconds_count") == 7
    assert value("mlops_inference_duration_seconds_sum") == pytest.approx(0.014)


def test_a_scrape_asks_no_more_for_many_deployments(django_assert_max_num_queries):
    DeploymentFactory(active=True)
    with django_assert_max_num_queries(5) as few:
        samples()
    DeploymentFactory.create_batch(3, active=True)

    with django_assert_max_num_queries(len(few)):
        samples()


def test_a_scrape_is_part_of_the_servers_own(client, person):
    DeploymentFactory(active=True)

    page = client.get("/metrics", REMOTE_ADDR="127.0.0.1")

    assert page.status_code == 200
    assert b"mlops_deployment_healthy{" in page.content
