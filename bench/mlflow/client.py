"""A Python that has MLflow, outside the project: its packages would not fit ours."""

import os
import subprocess
from pathlib import Path

from bench.foreign import python_of

NEWEST = "mlflow"
LAST_2 = "mlflow<3"


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
    return python_of("mlflow" if is_newest else "mlflow2", requirement, "scikit-learn")


def version_of(python: Path) -> str:
    """Return the version of MLflow that this interpreter has."""
    script = "import importlib.metadata as m; print(m.version('mlflow'))"
    answer = subprocess.run(  # noqa: S603 - our own interpreter
        [python, "-c", script], check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()
