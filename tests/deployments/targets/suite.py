"""What every target must do; a target's tests derive from this class.

They give the fixtures `target`, `good` (a spec that can serve) and `bad` (one that
cannot).
"""

from dataclasses import replace

import pytest

from deployments.serving.terms import Phase, Route, RouteEntry, TargetRefused
from tests.deployments.targets.waiting import until


def is_ready(target, spec) -> bool:
    return target.observe(spec.deployment_id).phase is Phase.READY


def serve(target, spec) -> None:
    target.apply(spec)
    until(lambda: is_ready(target, spec))


def is_gone(target, spec) -> bool:
    target.tick()
    return target.observe(spec.deployment_id).phase is Phase.ABSENT


class TargetSuite:
    def test_an_unknown_deployment_is_absent(self, target):
        assert target.observe("nobody").phase is Phase.ABSENT

    def test_a_good_model_is_found_to_have_a_signature(self, target, good):
        found = until(lambda: target.validate(good))

        assert found.platform
        assert found.inputs
        assert found.outputs

    def test_validating_again_gives_the_same_answer(self, target, good):
        first = until(lambda: target.validate(good))

        assert target.validate(good) == first

    def test_a_bad_model_is_refused_with_a_sentence(self, target, bad):
        with pytest.raises(TargetRefused, match=r"\w+ \w+.*\."):
            until(lambda: target.validate(bad))

    def test_what_is_applied_becomes_ready(self, target, good):
        serve(target, good)

        observed = target.observe(good.deployment_id)
        assert (observed.ready_instances, observed.desired_instances) == (1, 1)

    def test_applying_again_restarts_nothing(self, target, good):
        serve(target, good)

        target.apply(good)

        observed = target.observe(good.deployment_id)
        assert (observed.phase, observed.restarts) == (Phase.READY, 0)

    def test_a_larger_spec_brings_up_more_instances(self, target, good):
        serve(target, good)

        serve(target, replace(good, instances=2))

        assert target.observe(good.deployment_id).ready_instances == 2

    def test_what_runs_is_listed_until_it_is_stopped(self, target, good):
        serve(target, good)
        assert good.deployment_id in target.list()

        target.stop(good.deployment_id)

        until(lambda: is_gone(target, good))
        assert good.deployment_id not in target.list()

    def test_stopping_twice_or_a_stranger_is_no_error(self, target, good):
        serve(target, good)

        target.stop(good.deployment_id)
        target.stop(good.deployment_id)
        target.stop("nobody")

        until(lambda: is_gone(target, good))

    def test_a_route_can_be_set_again_and_taken_away(self, target, good):
        serve(target, good)
        entry = RouteEntry(good.deployment_id, good.model_version)
        route = Route(good.environment, good.model_name, (entry,))

        target.route(route)
        target.route(route)
        target.route(replace(route, entries=()))

        assert is_ready(target, good)

    def test_logs_are_lines_of_text(self, target, good):
        serve(target, good)

        lines = target.logs(good.deployment_id, 5)

        assert 0 < len(lines) <= 5
        assert all(isinstance(line, str) for line in lines)

    def test_capabilities_say_what_it_can_do(self, target):
        assert target.capabilities().splits_traffic in (True, False)
