"""What state machines of the models share: a rolled-back world, refusals without trace.

By default few and the same walks are made. `WALKS=20` makes twenty times as many, other
ones each time, and shortens the walk that fails.
"""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from mlops.core.errors import DomainError

TIMES = int(os.environ.get("WALKS", "1"))
EVERY_RULE = SimpleNamespace(is_enabled=lambda _name: True)
"""In the place of hypothesis's own draw of the rules of a walk."""


class World(RuleBasedStateMachine):
    """A walk whose rows are gone when it ends; `watched` are the tables looked at."""

    watched: tuple[type[Model], ...] = ()

    def __init__(self) -> None:
        super().__init__()
        if TIMES == 1:  # else most walks leave most rules out, and few meet a third one
            self._rules_strategy.enabled_rules_strategy = st.just(EVERY_RULE)
        self._rows = transaction.atomic()
        self._rows.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._rows.__exit__(None, None, None)

    def tried(self, act: Callable[[], Any]) -> DomainError | None:
        """Return the refusal of an act, or None; after a refusal no row has changed."""
        before, refusal = self.rows(), None
        try:
            act()
        except DomainError as error:
            refusal = error
        if refusal is not None:
            assert self.rows() == before, f"{refusal!r} left a trace"
        return refusal

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table._meta.label: list(table.objects.order_by("pk").values_list())
            for table in self.watched
        }


def walks(machine: type[World], *, examples: int, steps: int) -> Callable[..., None]:
    """Return the test that walks a machine, the same way each time or many others."""
    asked = settings(
        max_examples=examples * TIMES,
        stateful_step_count=steps,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        # To shorten a walk takes minutes.
        phases=[Phase.generate] if TIMES == 1 else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

    @pytest.mark.django_db
    def test() -> None:
        run_state_machine_as_test(machine, settings=asked)

    return test
