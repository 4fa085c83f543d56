"""Every target passes the suite."""

import pytest

from deployments.targets.scripted import ScriptedTarget
from tests.deployments.targets.suite import TargetSuite


class TestLocalTarget(TargetSuite):
    @pytest.fixture
    def target(self, local):
        return local


class TestScriptedTarget(TargetSuite):
    @pytest.fixture
    def target(self, good, bad):
        target = ScriptedTarget()
        target.script(good.model_version, validation_calls=2, starting_calls=2)
        return target

    @pytest.fixture
    def bad(self, made, good):
        return made(model_version="bad")

    @pytest.fixture(autouse=True)
    def _refuses_the_bad_one(self, target):
        target.script("bad", refusal="This model is not good.")
