"""The roles, as data: what each may do in each app. They are Django groups.

Roles add up: a person may have several. Without any, a signed-in person sees
nothing but the own account. `apply` writes the table to the database after every
`migrate`, when Django has made the permissions; it sets the five groups exactly to
what stands here, so own variations belong into own groups.
"""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission
from django.db import transaction

Grants = dict[str, tuple[str, ...]]

VIEWER, SCIENTIST, DEPLOYER = "viewer", "data scientist", "deployer"
APPROVER, ADMIN = "approver", "admin"

# "view_*" is every permission of the app that starts so.
_VIEW: Grants = {
    "datasets": ("view_*",),
    "lifecycle": ("view_*",),
    "deployments": ("view_*",),
}
ROLES: dict[str, Grants] = {
    VIEWER: _VIEW,
    SCIENTIST: {
        "datasets": ("view_*", "add_*", "change_*", "delete_*"),
        "lifecycle": (
            "view_*",
            "add_*",
            "change_*",
            "delete_*",
            "promote_modelversion",
        ),
        "deployments": (
            "view_*",
            "add_deployment",
            "change_deployment",
            "deploy_to_development",
            "deploy_to_staging",
        ),
    },
    DEPLOYER: {
        **_VIEW,
        "deployments": (
            "view_*",
            "add_deployment",
            "change_deployment",
            "roll_back_deployment",
            "deploy_to_*",
            "add_deploymentkey",
            "change_deploymentkey",
            "delete_deploymentkey",
        ),
    },
    APPROVER: {
        **_VIEW,
        "lifecycle": (
            "view_*",
            "change_modelversion",
            "change_checklistitem",
            "approve_modelversion",
            "promote_modelversion",
        ),
        "core": ("view_auditentry",),
    },
    ADMIN: {
        "core": ("*",),
        "auth": ("*",),
        "datasets": ("*",),
        "lifecycle": ("*",),
        "deployments": ("*",),
        "webhooks": ("*",),
        "token_blacklist": ("view_*",),
    },
}


def apply(sender: AppConfig, using: str, **_options: Any) -> None:
    """Give every role its permissions in one app (Django's post_migrate)."""
    permissions = list(
        Permission.objects.using(using).filter(content_type__app_label=sender.label)
    )
    with transaction.atomic(using=using):
        for role, grants in ROLES.items():
            group, _ = Group.objects.using(using).get_or_create(name=role)
            patterns = grants.get(sender.label, ())
            granted = {p for p in permissions if _matches(p.codename, patterns)}
            group.permissions.remove(*(set(permissions) - granted))
            group.permissions.add(*granted)


def refusal(permission: str) -> str:
    """Return the sentence for who lacks a permission (`app.codename`): who has it."""
    app, _, codename = permission.partition(".")
    holders = [
        role
        for role, grants in ROLES.items()
        if _matches(codename, grants.get(app, ()))
    ]
    shown = f" (role: {', '.join(holders)})" if holders else ""
    return f"This needs the permission {permission}{shown}."


def _matches(codename: str, patterns: Iterable[str]) -> bool:
    return any(
        codename.startswith(pattern[:-1])
        if pattern.endswith("*")
        else codename == pattern
        for pattern in patterns
    )
