"""The staff's pages of deployments."""

from deployments.admin.deployment import DeploymentAdmin
from deployments.admin.places import (
    DeploymentKeyAdmin,
    EnvironmentRuleAdmin,
    LeaseAdmin,
    SlotAdmin,
)
from deployments.admin.records import DeploymentEventAdmin, TrafficWindowAdmin

__all__ = [
    "DeploymentAdmin",
    "DeploymentEventAdmin",
    "DeploymentKeyAdmin",
    "EnvironmentRuleAdmin",
    "LeaseAdmin",
    "SlotAdmin",
    "TrafficWindowAdmin",
]
