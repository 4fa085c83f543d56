import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from mlops.core.roles import ROLES

PERMISSIONS = {
    "datasets.view_dataset": {
        "viewer",
        "data scientist",
        "deployer",
        "approver",
        "admin",
    },
    "datasets.add_dataset": {"data scientist", "admin"},
    "lifecycle.add_run": {"data scientist", "admin"},
    "lifecycle.approve_modelversion": {"approver", "admin"},
    "lifecycle.promote_modelversion": {"data scientist", "approver", "admin"},
    "deployments.deploy_to_development": {"data scientist", "deployer", "admin"},
    "deployments.deploy_to_staging": {"data scientist", "deployer", "admin"},
    "deployments.deploy_to_production": {"deployer", "admin"},
    "deployments.roll_back_deployment": {"deployer", "admin"},
    "deployments.change_environmentrule": {"admin"},
    "core.view_auditentry": {"approver", "admin"},
    "core.change_user": {"admin"},
}


@pytest.mark.parametrize(("permission", "roles"), PERMISSIONS.items())
def test_permission_belongs_to_these_roles_only(person, permission, roles):
    holders = {role for role in ROLES if person(role).has_perm(permission)}

    assert holders == roles


def test_nobody_has_no_permission(person):
    assert person("nobody").get_all_permissions() == set()


def test_every_pattern_of_the_table_grants_something(db):
    for role, grants in ROLES.items():
        group = Group.objects.get(name=role)
        for app, patterns in grants.items():
            names = set(
                group.permissions.filter(content_type__app_label=app).values_list(
                    "codename", flat=True
                )
            )
            for pattern in patterns:
                stem = pattern.rstrip("*")
                assert any(name.startswith(stem) for name in names), (
                    role,
                    app,
                    pattern,
                )


def test_migrating_again_restores_the_shipped_roles(person):
    viewer = Group.objects.get(name="viewer")
    admin = Group.objects.get(name="admin")
    viewer.permissions.set(admin.permissions.all())

    call_command("migrate", verbosity=0)

    assert not person("viewer").has_perm("core.change_user")
