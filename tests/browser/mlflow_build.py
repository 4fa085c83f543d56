"""The pages of MLflow that the extra names: downloaded, and only the pages unpacked."""

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from bench.foreign import HERE, NoPackageIndex

INSIDE = "mlflow/server/js/build/"
PIN = re.compile(r"^mlflow==(\S+)$", re.MULTILINE)


def pages() -> Path:
    """Return the folder of the pages, made once under `var/cache`.

    `MLOPS_MLFLOW_UI` names one that is there. Raises NoPackageIndex.
    """
    if given := os.environ.get("MLOPS_MLFLOW_UI"):
        return Path(given)
    (version,) = PIN.findall((HERE / "requirements-mlflow-ui.txt").read_text())
    folder = HERE / "var" / "cache" / f"mlflow-ui-{version}"
    if not (folder / INSIDE / "index.html").exists():
        with ZipFile(_downloaded(version, folder)) as wheel:
            inside = [name for name in wheel.namelist() if name.startswith(INSIDE)]
            wheel.extractall(folder, sorted(inside, reverse=True))
    return folder / INSIDE


def _downloaded(version: str, folder: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--dest", folder, f"mlflow=={version}"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise NoPackageIndex(f"mlflow=={version}")
    return next(folder.glob("mlflow-*.whl"))
