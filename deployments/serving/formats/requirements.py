"""Check of a model folder's requirements against the installed packages."""

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

logger = logging.getLogger(__name__)


def unmet(requirements: Path) -> list[str]:
    """Return the pinned packages that are not installed, and log other versions.

    Some packages go by several names, so that what is missing here may yet be there;
    lines with conditions or extras are not looked at.
    """
    if not requirements.is_file():
        return []
    missing = []
    for line in requirements.read_text(errors="replace").splitlines():
        name, pin, wanted = map(str.strip, line.partition("=="))
        if not pin or ";" in line or "[" in name:
            continue
        try:
            have = version(name)
        except PackageNotFoundError:
            missing.append(line.strip())
            logger.warning("requirements.txt: %s is not installed", line.strip())
            continue
        if have != wanted:
            logger.warning("requirements.txt: %s, installed is %s", line.strip(), have)
    return missing
