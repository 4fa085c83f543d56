"""`make run` on a bare machine: what it could not finish does not stay."""

import os
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

# As Debian's without python3-venv: it makes the interpreter's link and fails then.
BREAKS_OFF = """#!/bin/sh
[ "$1" = -c ] && exit 0
mkdir -p .venv/bin && ln -sf /bin/true .venv/bin/python && exit 1
"""
LACKS_VENV = """#!/bin/sh
exit 1
"""
STAMP = ".venv/.stamp-run"


@pytest.fixture
def checkout(tmp_path):
    """The Makefile with nothing to install."""
    shutil.copy(settings.BASE_DIR / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def make(checkout, python=sys.executable):
    return subprocess.run(
        ["make", STAMP, f"PYTHON={python}"],
        cwd=checkout,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def fake(checkout, script):
    path = checkout / "python"
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_a_start_after_one_that_broke_off_succeeds(checkout):
    broken = make(checkout, fake(checkout, BREAKS_OFF))

    assert broken.returncode != 0
    assert not (checkout / ".venv").exists()
    assert make(checkout).returncode == 0
    assert (checkout / STAMP).exists()


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_a_missing_venv_is_named_with_its_package(checkout):
    refused = make(checkout, fake(checkout, LACKS_VENV))

    assert refused.returncode != 0
    assert "apt install python3-venv" in refused.stdout
    assert not (checkout / ".venv").exists()


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_an_environment_that_a_kill_left_without_pip_is_made_anew(checkout):
    left = [sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")]
    subprocess.run(left, check=True)

    assert make(checkout).returncode == 0
    assert os.access(checkout / ".venv/bin/pip", os.X_OK)
