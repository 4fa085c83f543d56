"""Which routes targets are given, when, and where one is out of date."""

from dataclasses import dataclass, field

import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.plan import DeploymentPlan, Strategy
from deployments.reconciler.orphans import stop_orphans
from deployments.reconciler.reconciler import Reconciler
from deployments.reconciler.routes import REWRITE_S, Routing
from deployments.states import Environment, Rollout, Status, StickyBy
from deployments.targets.scripted import ScriptedTarget
from tests.deployments.factories import DeploymentFactory, VersionFactory
from tests.deployments.reconciler.acting import (
    no_space_left,
    requested,
    settle,
    status_of,
)
from tests.deployments.reconciler.test_rollouts import canary_of, step_is_over

pytestmark = pytest.mark.django_db


@dataclass(slots=True)
class Recording(ScriptedTarget):
    """A target that keeps every route that it was ever given."""

    published: list = field(default_factory=list)

    def route(self, route):
        super(Recording, self).route(route)
        self.published.append(route)

    def shares(self, begin=0):
        """Return the weights of each route since, the active deployment's first."""
        routes = self.published[begin:]
        return [[entry.weight for entry in route.entries] for route in routes]


@pytest.fixture
def target():
    return Recording()


def test_a_canary_has_never_another_share_than_its_steps(reconciler, target):
    _active, canary = canary_of(reconciler, steps=(10, 30, 60))
    begin = next(n for n, each in enumerate(target.shares()) if len(each) == 2)
    for _ in range(3):
        step_is_over(canary)
        reconciler.once()

    assert status_of(canary) == Status.ACTIVE
    assert target.shares(begin) == [[90, 10], [70, 30], [40, 60], [100]]


def test_a_shadow_has_never_a_share(reconciler, target):
    canary_of(reconciler, Rollout.SHADOW, ())
    for _ in range(2):
        reconciler.once()

    with_two = [each for each in target.shares() if len(each) == 2]
    assert with_two == [[100, 0]]


def test_a_canary_is_sticky_from_its_first_route_on(reconciler, target):
    version = VersionFactory()
    requested(version)
    settle(reconciler)
    strategy = Strategy(Rollout.CANARY, (10,), 60, sticky_by=StickyBy.KEY)
    plan = DeploymentPlan(strategy=strategy, timeout_s=7)
    requested(VersionFactory(model=version.model), plan=plan)
    for _ in range(4):
        reconciler.once()

    for route in (one for one in target.published if len(one.entries) == 2):
        first, second = route.entries
        assert (first.sticky_by, second.sticky_by) == ("", "key")
        assert (first.limits.timeout_s, second.limits.timeout_s) == (None, 7)


def test_a_route_is_published_once_and_again_after_a_minute(reconciler, target, clock):
    requested()
    settle(reconciler)
    once = len(target.published)

    reconciler.once()
    early = len(target.published)
    clock.now += REWRITE_S
    reconciler.once()

    assert (early, len(target.published)) == (once, once + 1)


def test_a_deployment_that_is_to_end_is_in_no_route(reconciler, target):
    deployment = requested()
    settle(reconciler)
    deployment.refresh_from_db()
    deployment.terminate(by=None)

    Routing(reconciler.targets, reconciler.memory, {}).send()

    assert target.routes == {}


def test_a_share_is_taken_beside_what_is_to_end_as_if_it_were_gone(reconciler, target):
    active, canary = canary_of(reconciler)
    canary.refresh_from_db()
    Deployment.objects.filter(pk=active.pk).update(ends_as=Status.TERMINATED)

    Routing(reconciler.targets, reconciler.memory, {}).send()

    (entry,) = target.published[-1].entries
    assert (entry.deployment_id, entry.weight) == (str(canary.pk), 100)


@pytest.fixture
def other():
    return Recording()


@pytest.fixture
def apart(target, other, clock, tmp_path):
    """Return a reconciler of two targets: `other` is production's."""
    targets = dict.fromkeys(Environment.values, target) | {"production": other}
    return Reconciler(targets, folder=tmp_path, clock=clock)


def test_where_a_route_is_refused_its_environment_is_out_of_date(
    apart, target, other, monkeypatch
):
    DeploymentFactory(active=True)
    routing = Routing(apart.targets, apart.memory, {})

    with monkeypatch.context() as full:
        full.setattr(Recording, "route", no_space_left)
        stale = routing.send()
    incomplete = target.is_complete, other.is_complete
    again = routing.send()

    assert (stale, again) == ({"development"}, set())
    assert incomplete == (False, True)
    assert target.is_complete


def test_where_a_route_cannot_be_closed_its_environment_is_out_of_date(
    apart, target, monkeypatch
):
    deployment = DeploymentFactory(active=True)
    routing = Routing(apart.targets, apart.memory, {})
    routing.send()
    Deployment.objects.filter(pk=deployment.pk).update(status=Status.TERMINATED)

    with monkeypatch.context() as full:
        full.setattr(Recording, "route", no_space_left)
        stale = routing.send()
    again = routing.send()

    assert (stale, again) == ({"development"}, set())
    assert target.routes == {}


def test_a_target_that_is_silent_is_uncertain_and_no_other(apart, target):
    target.error = "the gateway is silent"

    stale = Routing(apart.targets, apart.memory, {}).send()

    assert stale == set(Environment.values) - {"production"}


def test_nothing_is_stopped_where_a_route_is_out_of_date_and_elsewhere_it_is(
    apart, target, other
):
    apart.once()
    for each in (target, other):
        each._running["no id at all"] = None

    target.error = "the gateway is silent"
    apart.once()

    assert (target.list(), other.list()) == (["no id at all"], [])


def test_each_orphan_is_stopped_and_counted(target):
    stranger = DeploymentFactory(status="failed")
    starting = DeploymentFactory(status="validating")
    for pk in (stranger.pk, starting.pk, "no id at all"):
        target._running[str(pk)] = None

    stopped = stop_orphans([target], [])

    assert (stopped, target.list()) == (2, [str(starting.pk)])


def test_a_share_of_requests_is_kept_where_a_rule_says_so(reconciler, target):
    EnvironmentRule.objects.filter(pk="development").update(sample_rate=0.25)
    requested()
    settle(reconciler)

    opened = [route for route in target.published if route.entries]
    assert [route.sample_rate for route in opened] == [0.25]
