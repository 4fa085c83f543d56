"""Waits for what other processes do, without guessing how long it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], limit_s: float = 120.0) -> Found:
    """Return the first truthy answer; fail when there is none in time."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.005)
    raise AssertionError(f"nothing came of it in {limit_s:g} s")
