"""A reconciler of a target that does what its script says, and a clock to turn."""

import pytest

from deployments.targets.scripted import ScriptedTarget
from tests.deployments.reconciler.acting import Clock, made


@pytest.fixture
def target():
    return ScriptedTarget()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reconciler(target, clock, tmp_path):
    return made(target, clock, tmp_path)
