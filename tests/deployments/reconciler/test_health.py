"""Health follows what runs and what was counted."""

import pytest

from deployments.models import (
    EnvironmentRule,
)
from deployments.models.figures import Figures
from deployments.reconciler.health import RunCondition, health_of
from deployments.serving.terms import Phase, TargetObservation
from deployments.states import Health, Status
from tests.deployments.reconciler.acting import (
    messages_of,
    requested,
    settle,
    status_of,
    traffic,
)

pytestmark = pytest.mark.django_db


def test_health_follows_what_runs(reconciler, target, clock):
    deployment = requested()
    before = deployment.health
    settle(reconciler)
    reconciler.once()
    deployment.refresh_from_db()
    healthy = (deployment.health, deployment.ready_instances)

    target.crash(str(deployment.pk))
    reconciler.once()
    deployment.refresh_from_db()
    degraded = deployment.health
    clock.now += 6
    reconciler.once()
    deployment.refresh_from_db()
    unhealthy = deployment.health

    assert (before, healthy) == (Health.DEGRADED, (Health.HEALTHY, 1))
    assert (degraded, unhealthy) == (Health.DEGRADED, Health.UNHEALTHY)
    assert "unhealthy now: killed by SIGKILL" in messages_of(deployment)


def test_a_restart_degrades_for_five_minutes(reconciler, target, clock):
    deployment = requested()
    settle(reconciler)
    target.crash(str(deployment.pk))
    reconciler.once()
    target.recover(str(deployment.pk))
    found = []
    for seconds in (1, 298, 1):
        clock.now += seconds
        reconciler.once()
        deployment.refresh_from_db()
        found.append((deployment.health, deployment.health_reason))

    restarted = "an instance was restarted in the last five minutes"
    assert found == [(Health.DEGRADED, restarted)] * 2 + [(Health.HEALTHY, "")]


def test_what_is_down_is_unhealthy_after_five_seconds(reconciler, target, clock):
    deployment = requested()
    settle(reconciler)
    target.crash(str(deployment.pk))
    reconciler.once()
    found = []
    for seconds in (5, 0.5):
        clock.now += seconds
        reconciler.once()
        deployment.refresh_from_db()
        found.append(deployment.health)

    assert found == [Health.DEGRADED, Health.UNHEALTHY]


def test_what_becomes_active_says_how_it_does_in_the_same_word(reconciler):
    deployment = requested()
    while status_of(deployment) != Status.ACTIVE:
        reconciler.once()

    assert (deployment.health, deployment.ready_instances) == (Health.HEALTHY, 1)


@pytest.mark.parametrize(
    ("requests", "errors", "health"),
    [
        (19, 18, Health.DEGRADED),
        (19, 10, Health.DEGRADED),
        (18, 9, Health.HEALTHY),
        (3, 3, Health.DEGRADED),
        (100, 5, Health.HEALTHY),
        (100, 6, Health.DEGRADED),
        (100, 50, Health.UNHEALTHY),
    ],
)
def test_health_follows_the_error_rate_over_enough_requests(
    reconciler, requests, errors, health
):
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, requests, errors)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == health


def test_why_an_instance_was_restarted_is_told_once(reconciler, target):
    deployment = requested()
    settle(reconciler)

    target.crash(str(deployment.pk), "The model server was killed by SIGSEGV.")
    for _ in range(3):
        reconciler.once()

    assert messages_of(deployment).count("The model server was killed by SIGSEGV.") == 1


def test_a_slow_p95_degrades_where_a_limit_is_set(reconciler):
    EnvironmentRule.objects.filter(pk="staging").update(max_p95_ms=1.0)
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, 100, bucket="60")

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.DEGRADED


@pytest.mark.parametrize(
    ("counts", "health", "reason"),
    [
        ({"unavailable_count": 10}, "degraded", "10.0% of 100 requests found no"),
        ({"unavailable_count": 60}, "unhealthy", "60.0% of 100 requests found no"),
        ({"non_finite_count": 10}, "degraded", "10.0% of 100 requests were answered"),
        ({"non_finite_count": 100}, "unhealthy", "100.0% of 100 requests were"),
        ({"client_error_count": 100}, "healthy", ""),
        ({"rejected_count": 100}, "healthy", ""),
        (
            {"rejected_count": 70, "errors": 30},
            "unhealthy",
            "100.0% of 30 requests that were let in failed",
        ),
        (
            {"rejected_count": 90, "errors": 10},
            "degraded",
            "all of 10 requests came to nothing",
        ),
    ],
)
def test_health_looks_at_all_that_a_version_can_do(reconciler, counts, health, reason):
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, **counts)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == health
    assert deployment.health_reason.startswith(reason)
    assert bool(reason) == bool(deployment.health_reason)


def test_where_one_request_is_enough_none_is_no_failure(reconciler):
    EnvironmentRule.objects.filter(pk="staging").update(min_requests=0)
    deployment = requested(environment="staging")
    settle(reconciler)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.HEALTHY


@pytest.mark.parametrize("count", [30, 100])
def test_where_nan_is_an_ordinary_answer_it_degrades_nothing(reconciler, count):
    EnvironmentRule.objects.filter(pk="staging").update(max_non_finite_rate=None)
    deployment = requested(environment="staging")
    settle(reconciler)
    traffic(deployment, non_finite_count=count)

    reconciler.once()

    deployment.refresh_from_db()
    assert deployment.health == Health.HEALTHY


def test_a_row_says_when_it_was_looked_at(reconciler, clock):
    deployment = requested()
    settle(reconciler)
    reconciler.once()
    deployment.refresh_from_db()
    first = deployment.judged_at
    reconciler.once()
    deployment.refresh_from_db()
    at_once = deployment.judged_at
    clock.now += 5

    reconciler.once()

    deployment.refresh_from_db()
    later = deployment.judged_at
    reconciler.once()
    deployment.refresh_from_db()
    assert first is not None
    assert at_once == first
    assert later > first
    assert deployment.judged_at == later


# By the figures alone -----------------------------------------------------------------


@pytest.fixture
def rule():
    return EnvironmentRule(
        environment="staging",
        min_requests=20,
        max_error_rate=0.1,
        max_non_finite_rate=0.1,
        max_p95_ms=None,
    )


def runs(ready=2, phase=Phase.READY, message="", **more):
    seen = TargetObservation(phase, ready, 2, message=message)
    return RunCondition(seen, **{"seconds_down": 0.0, "has_restarted": False, **more})


def health(rule, condition=None, verdict="", **counts):
    return health_of(condition or runs(), Figures(**counts), rule, verdict)


def test_what_is_lost_adds_up(rule):
    rule.max_error_rate = rule.max_non_finite_rate = 0.9
    lost = {"error_count": 20, "unavailable_count": 20, "non_finite_count": 10}

    found = health(rule, request_count=100, **lost)

    assert found == (Health.UNHEALTHY, "every second call came to nothing")
    assert health(rule, request_count=101, **lost) == (Health.HEALTHY, "")


@pytest.mark.parametrize("least", [0, 1])
def test_where_one_request_is_enough_one_failure_is_all(rule, least):
    rule.min_requests = least

    found = health(rule, request_count=1, error_count=1)

    reason = "100.0% of 1 requests failed, more than 10.0%"
    assert found == (Health.UNHEALTHY, reason)


def test_a_share_may_be_as_large_as_the_rule_says(rule):
    at_it = {"error_count": 10, "unavailable_count": 10, "non_finite_count": 10}

    assert health(rule, request_count=100, **at_it) == (Health.HEALTHY, "")


def test_a_rate_counts_from_the_least_number_of_requests_on(rule):
    few, enough = ({"request_count": count, "error_count": 3} for count in (19, 20))

    assert health(rule, **few) == (Health.HEALTHY, "")
    assert health(rule, **enough)[0] == Health.DEGRADED


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (9, ""),
        (10, "10 of 18 requests came to nothing"),
        (18, "all of 18 requests came to nothing"),
    ],
)
def test_of_few_requests_more_than_half_must_come_to_nothing(rule, lost, reason):
    found = health(rule, request_count=18, unavailable_count=lost)

    assert found == (Health.DEGRADED if reason else Health.HEALTHY, reason)


@pytest.mark.parametrize(("slow", "is_slow"), [(4, False), (6, True)])
def test_five_in_a_hundred_may_be_slower_than_the_rule(rule, slow, is_slow):
    rule.max_p95_ms = 100.0

    status, reason = health(
        rule, request_count=100, histogram={"40": 100 - slow, "90": slow}
    )

    assert status == (Health.DEGRADED if is_slow else Health.HEALTHY)
    assert reason.startswith("p95 is ") is is_slow
    assert reason.endswith("ms, more than 100.0 ms") is is_slow


def test_what_was_not_measured_is_not_slow(rule):
    rule.max_p95_ms = 1.0

    assert health(rule, request_count=100) == (Health.HEALTHY, "")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (runs(1), (Health.DEGRADED, "1 of 2 instances are ready")),
        (runs(1, message="it was killed"), (Health.DEGRADED, "it was killed")),
        (runs(2, message="all is well"), (Health.HEALTHY, "")),
        (runs(0, seconds_down=6.0), (Health.UNHEALTHY, "nothing is ready")),
        (
            runs(0, Phase.FAILED, "it crashed 5 times"),
            (Health.UNHEALTHY, "it crashed 5 times"),
        ),
    ],
)
def test_what_runs_decides_before_what_was_counted(rule, condition, found):
    assert health(rule, condition) == found


def test_the_reasons_have_an_order(rule):
    bad = {"request_count": 100, "error_count": 20}
    restarted = runs(has_restarted=True)
    short = runs(1, has_restarted=True)

    reasons = [
        health(rule, short, "the judge", **bad)[1],
        health(rule, restarted, "the judge", **bad)[1],
        health(rule, restarted, "the judge")[1],
        health(rule, restarted)[1],
    ]

    assert reasons == [
        "1 of 2 instances are ready",
        "20.0% of 100 requests failed, more than 10.0%",
        "the judge",
        "an instance was restarted in the last five minutes",
    ]


def test_what_overload_turned_away_hides_nothing(rule):
    found = health(rule, request_count=100, rejected_count=70, error_count=6)

    reason = "20.0% of 30 requests that were let in failed, more than 10.0%"
    assert found == (Health.DEGRADED, reason)
