"""Slots, deployments, their events and traffic, keys, rules, the lease, and drift."""

from deployments.models.alert import AlertDelivery, AlertHook
from deployments.models.deployment import Deployment
from deployments.models.drift import DriftCheck, DriftRule, Finding
from deployments.models.event import DeploymentEvent
from deployments.models.key import DeploymentKey
from deployments.models.key_day import KeyDay
from deployments.models.lease import Lease
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.models.traffic import TrafficWindow

__all__ = [
    "AlertDelivery",
    "AlertHook",
    "Deployment",
    "DeploymentEvent",
    "DeploymentKey",
    "DriftCheck",
    "DriftRule",
    "EnvironmentRule",
    "Finding",
    "KeyDay",
    "Lease",
    "Slot",
    "TrafficWindow",
]
