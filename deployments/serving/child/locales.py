"""The locale that text models in ONNX need, also where the machine has none.

StringNormalizer, which skl2onnx makes of every vectorizer of texts, looks up `en_US` to
change the case of letters. The C library's own C.UTF-8 has the same case of letters,
and what a process has loaded once is found by those that it forks.
"""

import ctypes
import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

NAMES = ("en_US", "en_US.UTF-8", "en_US.utf8")
STAND_INS = ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")
ALL_CATEGORIES = 0x1FBF  # LC_ALL_MASK of glibc's locale.h


def prepare() -> None:
    """Load the locales for all that is forked from now on; newlocale(3)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "newlocale"):
        return
    libc.newlocale.restype = ctypes.c_void_p
    missing = [name for name in NAMES if not _load(libc, name)]
    places = [place for place in STAND_INS if Path(place).is_dir()]
    if not missing or not places:
        return
    with tempfile.TemporaryDirectory() as folder:
        # Stays set when the folder is gone: what was loaded is found by this path.
        os.environ["LOCPATH"] = folder
        for name in missing:
            Path(folder, name).symlink_to(places[0])
            if not _load(libc, name):
                logger.warning("there is no locale %s for text models", name)


def _load(libc: ctypes.CDLL, name: str) -> bool:
    """Load a locale and keep it: one that is let go is looked up again."""
    return bool(libc.newlocale(ALL_CATEGORIES, name.encode(), None))
