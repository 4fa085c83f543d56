"""Who writes which table, seen at the database connection.

Every statement of a test passes here: the ORM's, plain SQL, deletes with all that they
take along. The writer is the innermost module of ours that is at work; what a test does
itself, or a view of a test, has none.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

from django.conf import settings

APPS = ("mlops", "datasets", "lifecycle", "deployments")
WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', re.IGNORECASE)
STORE = "lifecycle/store"
MIGRATIONS = "migrations"
TESTS = f"{settings.BASE_DIR}/tests/"


class Writes:
    """Writes to some tables: by table, the packages that they came from."""

    def __init__(self, tables):
        self.tables = tables
        self.packages = defaultdict(set)

    def __call__(self, execute, sql, params, many, context):
        if (found := WRITE.match(sql)) and found[2] in self.tables:
            self._note(found[2], found[1].upper())
        return execute(sql, params, many, context)

    def strays(self):
        """Return the tables that something outside the store wrote, with what."""
        return {
            table: outside
            for table, packages in self.packages.items()
            if (outside := packages - {STORE})
        }

    def _note(self, table, verb):
        frame, goes_along = sys._getframe(2), False
        while frame is not None:
            path = frame.f_code.co_filename
            goes_along |= path.endswith("django/db/models/deletion.py")
            if path.startswith(TESTS) and path != __file__:
                return
            if package := package_of(path):
                if not _is_allowed(package, verb, goes_along=goes_along):
                    self.packages[table].add(package)
                return
            frame = frame.f_back


def package_of(path):
    """Return `lifecycle/store` for a module in it; "" for what is not ours."""
    if not path.startswith(f"{settings.BASE_DIR}/"):
        return ""
    parts = Path(path).relative_to(settings.BASE_DIR).parts
    return "/".join(parts[:2]) if parts[0] in APPS else ""


def _is_allowed(package, verb, *, goes_along):
    """Migrations may write all; what is deleted lets go of what refers to it.

    A version of a dataset that goes leaves the inputs of runs without a link: Django
    sets the column to NULL, in the name of the one who deletes.
    """
    lets_go = goes_along and verb == "UPDATE" and package != STORE
    return package.endswith(MIGRATIONS) or lets_go
