import pytest
from django.contrib.auth.models import Group, Permission
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


APPS = ("datasets", "lifecycle", "deployments")
ACTS = ("add_", "change_", "delete_")
BEYOND_VIEWING = {
    ("viewer", "deployments"): set(),
    ("data scientist", "deployments"): {
        "add_deployment",
        "change_deployment",
        "deploy_to_development",
        "deploy_to_staging",
    },
    ("deployer", "datasets"): set(),
    ("deployer", "lifecycle"): set(),
    ("deployer", "deployments"): {
        "add_deployment",
        "change_deployment",
        "roll_back_deployment",
        "deploy_to_development",
        "deploy_to_staging",
        "deploy_to_production",
        "add_deploymentkey",
        "change_deploymentkey",
        "delete_deploymentkey",
    },
    ("approver", "datasets"): set(),
    ("approver", "lifecycle"): {
        "change_modelversion",
        "change_checklistitem",
        "approve_modelversion",
        "promote_modelversion",
    },
    ("approver", "deployments"): set(),
    ("approver", "core"): set(),
}


def held(role, app):
    """Return what a role may do in an app, and what there is."""
    in_app = Permission.objects.filter(content_type__app_label=app)
    names = set(in_app.values_list("codename", flat=True))
    return set(
        in_app.filter(group__name=role).values_list("codename", flat=True)
    ), names


@pytest.mark.parametrize(("role", "app"), BEYOND_VIEWING)
def test_who_does_not_own_an_app_may_do_this_much(db, role, app):
    may, _ = held(role, app)

    beyond = {name for name in may if not name.startswith("view_")}
    assert beyond == BEYOND_VIEWING[role, app]


@pytest.mark.parametrize("role", ["viewer", "data scientist", "deployer", "approver"])
@pytest.mark.parametrize("app", APPS)
def test_every_role_sees_all_of_the_work(db, role, app):
    may, names = held(role, app)

    assert {name for name in names if name.startswith("view_")} <= may


@pytest.mark.parametrize("app", ["datasets", "lifecycle"])
def test_a_data_scientist_does_what_is_done_to_data_and_models(db, app):
    may, names = held("data scientist", app)

    assert {name for name in names if name.startswith(ACTS)} <= may
    assert "approve_modelversion" not in may


def test_an_admin_may_do_all_but_change_signed_in_tokens(db):
    for app in ("core", "auth", *APPS):
        may, names = held("admin", app)
        assert may == names
    may, names = held("admin", "token_blacklist")
    assert may == {name for name in names if name.startswith("view_")}
