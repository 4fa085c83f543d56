"""What the tests of the reconciler do with it, and look at."""

import errno

from django.utils import timezone

from deployments.models import Deployment
from deployments.reconciler import Reconciler
from deployments.states import Environment, Status
from tests.deployments.factories import VersionFactory, count


class Clock:
    """A monotonic clock that tests turn."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def made(target, clock, folder):
    targets = dict.fromkeys(Environment.values, target)
    return Reconciler(targets, folder=folder, clock=clock)


def requested(version=None, environment="development", **options):
    version = version or VersionFactory()
    return Deployment.request(version, environment, by=None, **options)


def settle(reconciler, most=30):
    """Pass until nothing moves and nothing is on its way up."""
    for _ in range(most):
        done = reconciler.once()
        if not done.moved and not done.starting:
            return
    raise AssertionError("it does not settle")


def no_space_left(target, route):
    raise OSError(errno.ENOSPC, "No space left on device")


def status_of(deployment):
    deployment.refresh_from_db()
    return deployment.status


def messages_of(deployment):
    return [event.message for event in deployment.events.order_by("sequence")]


def traffic(deployment, requests=100, errors=0, bucket="40", **counts):
    """Count calls of now; what is set twice within a minute is set, not added."""
    count(
        deployment,
        timezone.now(),
        request_count=requests,
        error_count=errors,
        sum_ms=requests * 2.0,
        **{"histogram": {bucket: requests}, **counts},
    )


def settle_with(reconciler, deployment):
    settle(reconciler)
    assert status_of(deployment) == Status.ACTIVE
