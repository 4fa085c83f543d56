"""Settings of the test suite: the project's own, in a folder of its own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _made(owner: int) -> str:
    """Make the folder of this run; whoever made it removes it, no child of theirs."""
    folder = tempfile.mkdtemp(prefix="mlops-")

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _of_worker(folder: str) -> str:
    """Return the part of it that is this worker's, when several share the tests."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker or Path(folder).name == worker:
        return folder
    own = Path(folder, worker)
    own.mkdir(mode=0o700, exist_ok=True)
    return str(own)


_folder = _of_worker(os.environ.get("MLOPS_TEST_DIR") or _made(os.getpid()))
os.environ["MLOPS_TEST_DIR"] = _folder
os.environ["MLOPS_DATA_DIR"] = _folder
# Most tests look at what is left behind; those about kept files say so.
os.environ["MLOPS_KEEP_UPLOADS"] = "none"
os.environ["MLOPS_SECRET_KEY"] = "tests-only-" + "x" * 60
# Many tests change the data folder, in which it would be made.
os.environ["MLOPS_HOOK_KEY"] = "ab" * 32

from mlops.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

if not DATABASE_URL:  # noqa: F405
    # A file: threads cannot share the write lock of an in-memory database.
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}  # noqa: F405
# Each test client loads the middleware anew; WhiteNoise would list every file again.
WHITENOISE_AUTOREFRESH = True
