"""Who acts in the story, and how it is shown while it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from mlops.demo.api import Api
from mlops.demo.panel import Panel, load
from mlops.demo.story_state import MODEL

__all__ = ["DATASET", "EXPERIMENT", "FEATURES", "LIFECYCLE", "MODEL", "StoryCast"]

DATASET = "sp500-panel"
EXPERIMENT = "next-day-direction"
LIFECYCLE = "/api/v1/ml/lifecycle"
FEATURES = "/api/v1/features"


@dataclass
class StoryCast:
    """The people of the story, each with an API client, and its data."""

    scientist: Api
    approver: Api
    say: Callable[[str], None]

    @cached_property
    def panel(self) -> Panel:
        return load()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step and the seconds it took, once it is done."""
        started = time.monotonic()
        yield
        self.say(f"{title} ({time.monotonic() - started:.1f} s)")
