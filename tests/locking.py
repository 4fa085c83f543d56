"""`make lock`: the digests of what the requirement files pin, written by uv.

    python -m tests.locking        # uv has to be on the path

Each file keeps its pins: a line that was changed by hand gets the digests of every
file of that version, whatever the machine, and a package that is needed and was not
pinned is added. `tests/requirements.txt` holds what `requirements.txt` does not.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRODUCT = HERE.parent / "requirements.txt"
MLFLOW_UI = HERE.parent / "requirements-mlflow-ui.txt"
TESTS = HERE / "requirements.txt"
SBOM = HERE / "requirements-sbom.txt"
COMPILE = (
    *("uv", "pip", "compile", "-q", "--universal", "--python-version", "3.11"),
    *("--no-header", "--no-annotate", "--no-strip-extras", "--generate-hashes"),
)


def entries(text: str) -> dict[str, str]:
    """Return the pins by `name==version ; marker`, each with its lines of digests."""
    lines = [line for line in text.splitlines() if not line.startswith(("#", "-r"))]
    found: dict[str, str] = {}
    for entry in "\n".join(lines).replace(" \\\n", " ").splitlines():
        pin, *digests = entry.split(" --hash=")
        found[pin.strip()] = " \\\n".join(
            [pin.strip(), *(f"    --hash={digest.strip()}" for digest in digests)]
        )
    return {pin: entry for pin, entry in found.items() if pin}


def notes(text: str) -> list[str]:
    """Return what a person wrote into the file, and what it takes from another."""
    return [line for line in text.splitlines() if line.startswith(("#", "-r"))]


def compiled(path: Path, *options: str) -> dict[str, str]:
    """Return what uv makes of a file's pins.

    Raises:
        subprocess.CalledProcessError: the pins cannot be installed together.
    """
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / path.name
        pins = "\n".join(entries(path.read_text()))
        if path == TESTS:
            pins += "\n" + "\n".join(entries(PRODUCT.read_text()))
        given.write_text(pins + "\n")
        made = subprocess.run(
            [*COMPILE, *options, str(given)], check=True, capture_output=True, text=True
        )
    return entries(made.stdout)


def lock(path: Path, *options: str, without: frozenset[str] = frozenset()) -> None:
    """Write a file's digests anew."""
    locked = compiled(path, *options)
    kept = [entry for pin, entry in locked.items() if pin not in without]
    path.write_text("\n".join([*notes(path.read_text()), *kept]) + "\n")


def main() -> None:
    lock(PRODUCT)
    lock(TESTS, without=frozenset(entries(PRODUCT.read_text())))
    lock(MLFLOW_UI, "--no-deps")
    lock(SBOM)


if __name__ == "__main__":
    sys.exit(main())
