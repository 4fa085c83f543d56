"""A Python that has MLflow, outside the project: its packages would not fit ours."""

import os
import subprocess
import sys
import venv
from pathlib import Path

NEWEST = "mlflow"
LAST_2 = "mlflow<3"
HERE = Path(__file__).absolute().parents[2]


class NoPackageIndex(Exception):
    """The client cannot be installed: no package index answers."""


def python_with(requirement: str = NEWEST) -> Path:
    """Return the interpreter of an environment that has the client.

    `MLOPS_MLFLOW_PYTHON` (`MLOPS_MLFLOW2_PYTHON` for 2.x) names one that is there;
    else it is made once under `var/cache`. Raises NoPackageIndex.
    """
    is_newest = requirement == NEWEST
    given = os.environ.get(
        "MLOPS_MLFLOW_PYTHON" if is_newest else "MLOPS_MLFLOW2_PYTHON"
    )
    if given:
        return Path(given)
    folder = HERE / "var" / "cache" / ("mlflow" if is_newest else "mlflow2")
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        _install(python, requirement)
        (folder / "installed").touch()
    return python


def version_of(python: Path) -> str:
    """Return the version of MLflow that this interpreter has."""
    script = "import importlib.metadata as m; print(m.version('mlflow'))"
    answer = subprocess.run(  # noqa: S603 - our own interpreter
        [python, "-c", script], check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def _install(python: Path, requirement: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", requirement, "scikit-learn"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - pip
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise NoPackageIndex(requirement)
