"""The options of `-C key=value`, which are text, as the API has them."""

from collections.abc import Callable, Mapping
from typing import Any

WAIT_S = 300.0


def _flag(text: str) -> bool:
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "false": False,
        "0": False,
        "no": False,
    }
    return words[text.lower()]


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


_ENDPOINT: Mapping[str, Callable[[str], Any]] = {
    "instances": int,
    "instance_type": str,
    "auto_scaling": _flag,
    "min_instances": int,
    "max_instances": int,
    "timeout_s": int,
    "max_concurrency": int,
    "max_body_bytes": int,
}
_STRATEGY: Mapping[str, Callable[[str], Any]] = {
    "strategy": str,
    "steps": _numbers,
    "seconds_per_step": int,
}
NAMES = (*_ENDPOINT, *_STRATEGY, "notes", "wait_s")


def parsed(config: Mapping[str, Any] | None) -> tuple[dict[str, Any], float]:
    """Return what a request says, and the seconds to wait. Raises ValueError."""
    given = dict(config or {})
    if unknown := sorted(set(given) - set(NAMES)):
        raise ValueError(f"Unknown options {unknown}; known are {', '.join(NAMES)}.")
    wait_s = _value("wait_s", float, given.get("wait_s", WAIT_S))
    body: dict[str, Any] = {}
    if endpoint := _picked(given, _ENDPOINT):
        body["endpoint_config"] = endpoint
    if strategy := _picked(given, _STRATEGY):
        kind = strategy.pop("strategy", "canary" if "steps" in strategy else None)
        body["strategy"] = {**({"type": kind} if kind else {}), **strategy}
    if "notes" in given:
        body["deployment_notes"] = str(given["notes"])
    return body, wait_s


def _picked(
    given: Mapping[str, Any], kinds: Mapping[str, Callable[[str], Any]]
) -> dict[str, Any]:
    return {
        name: _value(name, kind, given[name])
        for name, kind in kinds.items()
        if name in given
    }


def _value(name: str, kind: Callable[[str], Any], given: Any) -> Any:
    """Return a value in its type; a caller in Python may have given it so."""
    if not isinstance(given, str):
        return given
    try:
        return kind(given)
    except (KeyError, ValueError):
        raise ValueError(f"The option {name} cannot be {given!r}.") from None
