"""Who writes which table, seen at the database connection.

Every statement of a test passes here: the ORM's, plain SQL, deletes with all that they
take along. The writer is the innermost module of ours that is at work; what a test does
itself, or a view of a test, has none.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet

from lifecycle.store import TABLES

APPS = ("mlops", "datasets", "lifecycle", "deployments")
WRITE = re.compile(
    r'\s*(INSERT|UPDATE|DELETE)\s+(?:OR\s+\w+\s+)?(?:INTO\s+|FROM\s+)?"?(\w+)"?',
    re.IGNORECASE,
)
STORE = "lifecycle/store"
PACKAGES = {
    "core": "mlops/core",
    "webhooks": "mlops/webhooks",
    "datasets": "datasets/models",
    "lifecycle": "lifecycle/models",
    "deployments": "deployments/models",
}
FORM = "django/contrib/admin"
DELETION = "django/db/models/deletion.py"
BY_STAFF = {
    "datasets_storageconnection",
    "deployments_alerthook",
    "deployments_driftrule",
}
OWNERS = frozenset({STORE, *PACKAGES.values()})
MIGRATIONS = "migrations"
TESTS = f"{settings.BASE_DIR}/tests/"


def owners() -> dict[str, str]:
    """Return every table of ours with the one package that writes it.

    Tracking and registry belong to the store, the account and audit tables to
    `mlops/core`, each other table to the models of its app, and what staff alone edit
    to the form of Django's admin. Which groups a person has is a table of Django's.
    """
    tables = {
        model._meta.db_table: model._meta.app_label
        for model in apps.get_models()
        if model.__module__.startswith(APPS)
    }
    written = {table: PACKAGES[app] for table, app in tables.items()}
    return {**written, **dict.fromkeys(TABLES, STORE), **dict.fromkeys(BY_STAFF, FORM)}


class Writes:
    """Writes to some tables: by table, the packages that they came from."""

    def __init__(self, owners: Mapping[str, str]):
        self.owners = owners
        self.packages = defaultdict(set)

    def __call__(self, execute, sql, params, many, context):
        if (found := WRITE.match(sql)) and found[2] in self.owners:
            self._note(found[2], found[1].upper())
        return execute(sql, params, many, context)

    def strays(self):
        """Return the tables that another package than their own wrote, with which."""
        return {
            table: outside
            for table, packages in self.packages.items()
            if (outside := packages - {self.owners[table]})
        }

    def _note(self, table, verb):
        owner, frame, goes_along = self.owners[table], sys._getframe(2), False
        while frame is not None:
            path = frame.f_code.co_filename
            goes_along |= path.endswith(DELETION) and _is_cascade(frame, table)
            if path.startswith(TESTS) and path != __file__:
                return
            if package := FORM if _is_form(path, owner) else package_of(path):
                if not _is_allowed(package, verb, owner, goes_along=goes_along):
                    self.packages[table].add(package)
                return
            frame = frame.f_back


def package_of(path):
    """Return `lifecycle/store` for a module in it; "" for what is not ours."""
    if not path.startswith(f"{settings.BASE_DIR}/"):
        return ""
    parts = Path(path).relative_to(settings.BASE_DIR).parts
    return "/".join(parts[:2]) if parts[0] in APPS else ""


def _is_form(path, owner):
    """Whether the form of Django's admin is at work on a table that is its own."""
    return owner == FORM and f"/{FORM}/" in path


def _is_cascade(frame, table):
    """Whether Django's collector deletes a row of another table, and this along."""
    origin = getattr(frame.f_locals.get("self"), "origin", None)
    model = origin.model if isinstance(origin, QuerySet) else type(origin)
    return origin is not None and model._meta.db_table != table


def _is_allowed(package, verb, owner, *, goes_along):
    """Migrations may write all; what is deleted takes along what refers to it.

    A version of a dataset that goes leaves the inputs of runs without a link: Django
    sets the column to NULL, in the name of the one who deletes. A model version that
    goes takes its drift events along. The store's own rows go by the store alone.
    """
    lets_go = goes_along and package != owner and verb == "UPDATE"
    cascades = goes_along and package in OWNERS and owner != STORE
    return package.endswith(MIGRATIONS) or lets_go or cascades
