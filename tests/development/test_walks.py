"""The walks of docs/development.md, made in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.development.page import BASE, pattern_of, walks

HERE = BASE / "tests" / "development"
COPIED = ("mlops", "datasets", "lifecycle", "deployments", "tests", "docs")
MOST_LINES = 100
WALKS = {"target": "A target", "rule": "A quality rule"}
TOUCHED = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
ADDED = re.compile(r"^\+(?!\+\+ )", re.MULTILINE)


class Copy:
    """A copy of the project, in which commands are run as in the project."""

    def __init__(self, folder):
        self.folder = folder
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(BASE / name, folder / name, ignore=ignored)
        for name in ("manage.py", "pyproject.toml"):
            shutil.copy(BASE / name, folder)

    def run(self, *command):
        """Return what a command printed. Raises AssertionError if it failed."""
        ours = ("MLOPS_", "DJANGO_", "PYTEST_", "COV_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "MLOPS_DATA_DIR": str(self.folder / "var")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def apply(self, walk):
        self.run("git", "apply", "-C1", str(HERE / f"{walk}.patch"))

    def python(self, *arguments):
        return self.run(sys.executable, *arguments)

    def check(self, walk):
        """Run the checks that need no types on what the walk touches."""
        files = TOUCHED.findall(patch(walk))
        self.python("-m", "ruff", "check", *files)
        self.run(str(Path(sys.executable).parent / "lint-imports"))


def patch(walk):
    return (HERE / f"{walk}.patch").read_text()


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_takes_fewer_than_a_hundred_lines(walk):
    assert 0 < len(ADDED.findall(patch(walk))) < MOST_LINES


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_touches_what_the_page_names_and_nothing_else(walk):
    named = [pattern_of(name) for name in walks()[WALKS[walk]]]

    touched = TOUCHED.findall(patch(walk))
    assert touched
    assert [f for f in touched if not any(fnmatch(f, name) for name in named)] == []


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_starts_from_the_project_as_it_is(walk):
    command = ["git", "apply", "--check", "-C1", str(HERE / f"{walk}.patch")]

    done = subprocess.run(
        command, cwd=BASE, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_target_that_follows_the_walk_serves(copy):
    copy.apply("target")

    copy.check("target")
    told = copy.python("-m", "pytest", "-q", "tests/deployments/targets/test_inline.py")

    assert re.search(r"\b13 passed", told), told


@pytest.mark.slow
def test_a_rule_that_follows_the_walk_is_checked(copy):
    copy.apply("rule")

    copy.check("rule")
    copy.python("manage.py", "makemigrations", "datasets", "-n", "allow_trimmed")
    document = ["--format", "openapi-json", "--fail-on-warn", "--file", "openapi.json"]
    copy.python("manage.py", "spectacular", *document)
    asked = "tests/datasets/test_trimmed_rule.py", "tests/contract/test_migrations.py"
    told = copy.python("-m", "pytest", "-q", *asked)

    assert "failed" not in told
    assert '"trimmed"' in (copy.folder / "openapi.json").read_text()
