"""Slots, deployments, their events and traffic, keys, rules and the lease."""

from deployments.models.deployment import Deployment
from deployments.models.event import DeploymentEvent
from deployments.models.key import DeploymentKey
from deployments.models.lease import Lease
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.models.traffic import TrafficWindow

__all__ = [
    "Deployment",
    "DeploymentEvent",
    "DeploymentKey",
    "EnvironmentRule",
    "Lease",
    "Slot",
    "TrafficWindow",
]
