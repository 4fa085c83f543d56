"""What a model process may read of the machine: libraries, and what they look up.

Exact files where a folder would hold more. What is named here and is not there, or is
closed to the process anyway, is left out of the rules.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mlops.sandbox.landlock import EXECUTE, READ, READ_FILE, USE, Rule

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "deployments", Path(__file__).parent)
"""Of this program, what a model process is made of."""
LIBRARIES = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64"),
    *("/usr/local/lib", "/usr/local/lib64"),
    *("/usr/share/zoneinfo", "/usr/share/locale"),
)
LOOKED_UP = (
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/mime.types"),
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"),
    "/etc/crypto-policies/back-ends/opensslcnf.config",
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version"),
    *("/proc/filesystems", "/proc/sys/vm/overcommit_memory"),
    *("/proc/sys/kernel/osrelease", "/proc/sys/kernel/random"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node"),
    "/sys/kernel/mm/transparent_hugepage",
    *("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/memory.max"),
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
)
"""What linkers, clocks and OpenSSL ask for; how many processors, how much memory."""
SELF = Path("/proc/self")
PROGRAMS = (
    *("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"),
    *("/usr/libexec", "/usr/share", "/usr/include"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
ENTROPY = ("/dev/random", "/dev/urandom")
INSTALLED = ("bin", "lib", "lib64", "include", "share", "ssl", "pyvenv.cfg")
"""What a Python's folder has of its own; there may be more in it, such as `etc`."""


@cache
def libraries() -> tuple[Rule, ...]:
    """Return what every model process may read, and the devices that hold nothing.

    The same for all that a zygote forks.
    """
    return tuple(_libraries())


def _libraries() -> Iterator[Rule]:
    for path in (*map(Path, LIBRARIES), *imported_from(), *PACKAGES):
        yield path, READ
    for name in LOOKED_UP:
        yield Path(name), READ
    yield SELF, READ
    for name in DEVICES:
        yield Path(name), USE
    for name in ENTROPY:
        yield Path(name), READ_FILE


def programs() -> Iterator[Rule]:
    """Yield what a model that is code may run, besides: the system's, and Python."""
    for path in (*map(Path, LIBRARIES), *map(Path, PROGRAMS), *interpreter()):
        yield path, READ | EXECUTE


def imported_from() -> Iterator[Path]:
    """Yield the folders that modules are imported from, but not this program's own."""
    linked = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for place in filter(None, (*sys.path, *linked)):
        path = Path(os.path.abspath(place))  # noqa: PTH100 - links stay
        if path != ROOT:
            yield path


def installed() -> list[Path]:
    """Return all folders of libraries and of Python, under all their names."""
    folders = {
        *imported_from(),
        *PACKAGES,
        *(Path(os.path.abspath(each)) for each in (sys.prefix, sys.base_prefix)),  # noqa: PTH100
    }
    return sorted(
        one for each in folders for one in {each, each.resolve()} if one.is_dir()
    )


def interpreter() -> Iterator[Path]:
    """Yield what belongs to the Python that runs, and to the one that it is made of."""
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        yield from (Path(prefix, name) for name in INSTALLED)
