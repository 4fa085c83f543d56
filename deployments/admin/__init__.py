"""The staff's pages of deployments."""

from deployments.admin.deployment import DeploymentAdmin
from deployments.admin.drift import (
    AlertDeliveryAdmin,
    AlertHookAdmin,
    DriftCheckAdmin,
    DriftRuleAdmin,
)
from deployments.admin.environments import (
    DeploymentKeyAdmin,
    EnvironmentRuleAdmin,
    LeaseAdmin,
    SlotAdmin,
)
from deployments.admin.model_page import ModelPageAdmin, VersionPageAdmin
from deployments.admin.records import DeploymentEventAdmin, TrafficWindowAdmin

__all__ = [
    "AlertDeliveryAdmin",
    "AlertHookAdmin",
    "DeploymentAdmin",
    "DeploymentEventAdmin",
    "DeploymentKeyAdmin",
    "DriftCheckAdmin",
    "DriftRuleAdmin",
    "EnvironmentRuleAdmin",
    "LeaseAdmin",
    "ModelPageAdmin",
    "SlotAdmin",
    "TrafficWindowAdmin",
    "VersionPageAdmin",
]
