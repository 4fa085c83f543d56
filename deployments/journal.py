"""A deployment's log: what its server wrote and what happened to it, by time."""

from datetime import UTC, datetime

from deployments.logs import path_of
from deployments.models import Deployment
from deployments.serving import logs

DEFAULT_LINES = 200
MAX_LINES = 1000
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def journal(
    deployment: Deployment, tail: int = DEFAULT_LINES, since: datetime | None = None
) -> list[str]:
    """Return the newest `tail` lines after `since`, the oldest first.

    A line of the server that carries no time stays behind the one before it.
    """
    events = deployment.events.order_by("-sequence")
    if since is not None:
        events = events.filter(at__gt=since)
    lines = [(event.at, event.as_line()) for event in events[:tail]][::-1]
    last = _BEFORE_ALL
    for line in logs.tail_of(path_of(str(deployment.pk)), tail, since):
        last = line.at or last
        lines.append((last, line.text))
    return [text for _, text in sorted(lines, key=lambda line: line[0])[-tail:]]
