"""Environments of programs that are not ours: their packages would not fit ours."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).absolute().parents[1]


class NoPackageIndex(Exception):
    """The packages cannot be installed: no package index answers."""


def python_of(name: str, *requirements: str) -> Path:
    """Return the interpreter of an environment with these packages.

    It is made once, under `var/cache`. Raises NoPackageIndex.
    """
    folder = HERE / "var" / "cache" / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        _install(python, requirements)
        (folder / "installed").touch()
    return python


def _install(python: Path, requirements: tuple[str, ...]) -> None:
    command = [python, "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - pip
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise NoPackageIndex(*requirements)
