"""Transient errors are retried, and fail only the deployment they belong to."""

import pytest

from deployments.reconciler.failures import MAX_ATTEMPTS
from deployments.states import Status
from tests.deployments.factories import VersionFactory
from tests.deployments.reconciler.acting import (
    made,
    messages_of,
    requested,
    settle,
    status_of,
)

pytestmark = pytest.mark.django_db


def test_a_transient_error_is_retried_three_times(reconciler, target):
    deployment = requested()
    reconciler.once()
    target.error = "connection refused"
    moved = [reconciler.once().moved for _ in range(MAX_ATTEMPTS - 1)]
    retried = status_of(deployment)
    reconciler.once()

    assert (moved, retried) == ([0, 0], Status.DEPLOYING)
    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "Given up after 3 attempts: connection refused"


def test_a_transient_error_that_passes_costs_nothing(reconciler, target):
    deployment = requested()
    reconciler.once()
    target.error = "connection refused"
    reconciler.once()
    target.error = ""

    settle(reconciler)

    assert status_of(deployment) == Status.ACTIVE


def test_a_transient_error_does_not_end_what_serves(reconciler, target):
    deployment = requested()
    settle(reconciler)
    target.error = "connection refused"

    moved = [reconciler.once().moved for _ in range(10)]

    assert moved == [0] * 10
    assert status_of(deployment) == Status.ACTIVE
    assert messages_of(deployment)[-1] == "connection refused"
    assert messages_of(deployment).count("connection refused") == 1


def test_an_error_nobody_foresaw_ends_one_deployment_and_holds_up_no_other(
    reconciler, target
):
    broken, sound = requested(), requested()
    target.script(broken.model_version.version, defect="a bug")

    settle(reconciler)
    for _ in range(MAX_ATTEMPTS + 1):
        reconciler.once()

    assert status_of(sound) == Status.ACTIVE
    assert status_of(broken) == Status.FAILED
    assert "internal error: RuntimeError('a bug')" in broken.error_message


def test_each_new_reconciler_costs_an_attempt_and_the_fourth_gives_up(
    target, clock, tmp_path
):
    version = VersionFactory()
    target.script(version.version, validation_calls=10**6)
    deployment = requested(version)

    statuses = []
    for _ in range(MAX_ATTEMPTS + 1):
        one = made(target, clock, tmp_path)
        one.once()
        one.release()
        statuses.append(status_of(deployment))

    assert statuses == [*[Status.VALIDATING] * MAX_ATTEMPTS, Status.FAILED]
    assert status_of(deployment) == Status.FAILED
    assert deployment.error_message == "It was given up after 3 attempts."
