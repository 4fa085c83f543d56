"""Live streams of deployments: one reader in a process feeds all that are open.

Knows no HTTP: a view subscribes to the hub and sends on what it is handed.
"""

from deployments.streams.hub import HUB, Hub
from deployments.streams.messages import RETRY, StreamPosition, is_position
from deployments.streams.places import Places
from deployments.streams.subscription import StreamSubscription

__all__ = [
    "HUB",
    "RETRY",
    "Hub",
    "Places",
    "StreamPosition",
    "StreamSubscription",
    "is_position",
]
