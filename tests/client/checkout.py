"""The client's folder as it is committed, built somewhere else with npm."""

import os
import shutil
import subprocess
from pathlib import Path

from django.conf import settings

CLIENT = "clients/typescript"
MADE = shutil.ignore_patterns("node_modules", "dist", "generated", "*.tgz", "LICENSE")
TIMEOUT_S = 900


def npm_missing() -> str:
    """Return what is not installed here, "" if packages can be built."""
    return "" if shutil.which("npm") else "no npm here (Node 20.19 or newer)"


def built_client(folder: Path, *others: str) -> Path:
    """Copy client, document and other folders, build the client, return its folder."""
    (folder / "docs").mkdir()
    shutil.copy(settings.BASE_DIR / "docs/openapi.json", folder / "docs")
    for part in (CLIENT, *others):
        shutil.copytree(settings.BASE_DIR / part, folder / part, ignore=MADE)
    shutil.copy(settings.BASE_DIR / "LICENSE", folder / CLIENT)
    run(folder / CLIENT, "npm", "ci", "--no-audit", "--no-fund")
    run(folder / CLIENT, "npm", "run", "build")
    return folder / CLIENT


def run(folder: Path, *command: str, **environment: str) -> str:
    """Return what a command prints; one that fails is an AssertionError with it."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
