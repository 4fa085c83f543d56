"""A filter of system calls: no socket, no other process, no file's owner or mode.

seccomp(2) with a classic BPF program; linux/seccomp.h, linux/filter.h. It needs no
right but the promise to gain none, and covers what Landlock leaves open: sockets of
every family, io_uring, changes of modes and owners.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from socket import AF_UNIX, SOCK_SEQPACKET, SOCK_STREAM

from mlops.sandbox import syscalls

PR_SET_SECCOMP, MODE_FILTER = 22, 2
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, ALL_THREADS, KEEP_SPECULATION = 1, 1, 4
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, AND, EQUAL, ABOVE, RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
NUMBER, ARCH, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
SOCKET_KIND = 0xF  # without SOCK_NONBLOCK and SOCK_CLOEXEC
CLONE_THREAD, CLONE_NEW = 0x00010000, 0x7E020000
HARMLESS_IOCTLS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
"""TCGETS, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2."""
HARMLESS_FCNTLS = (*range(8), 36, 37, 38, *range(1030, 1035))
"""Neither F_SETOWN (signals), leases nor F_NOTIFY."""
OPENED_TO_READ_AND_CUT = os.O_RDONLY | os.O_TRUNC
FREE_TO_OPEN = tuple(
    flags | cut
    for cut in (0, os.O_TRUNC)
    for flags in range(4)
    if flags | cut != OPENED_TO_READ_AND_CUT
)
OWN = b"\xf1\xe2\xd3\xc4"
"""Stands for the process's id in a program, where nothing else is this number."""
INVENTED = 0
"""The error number of a call that is answered as done, and does nothing."""

Instruction = tuple[int, int, int, int]  # code, if true skip, if false skip, operand


@dataclass(frozen=True, slots=True)
class Argument:
    """The argument, masked, must be one of the values."""

    position: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rights:
    """What is not the same for all: one that `runs_programs` is a model that is code.

    `scoped` says that Landlock keeps signals from others. A program's own folder may
    hold files with modes: changes of them are answered as done, and change nothing.
    """

    runs_programs: bool = False
    scoped: bool = False


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(libc: ctypes.CDLL, rights: Rights, *, all_threads: bool) -> None:
    """Filter the calls of this process or thread from now on, and of what it starts.

    The process must have given up new privileges. Raises OSError where the kernel or
    a container does not have it.
    """
    known = syscalls.architecture()
    if known is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    code = assembled(rights, *known).replace(OWN, struct.pack("=I", os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    flags = KEEP_SPECULATION | (ALL_THREADS if all_threads else 0)
    number = SECCOMP[os.uname().machine]
    at = ctypes.byref(program)
    if libc.syscall(number, SET_MODE_FILTER, flags, at) == 0:
        return
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, at, 0, 0) != 0:  # before 4.17
        failed = ctypes.get_errno()
        raise OSError(failed, os.strerror(failed))


@cache
def assembled(rights: Rights, arch: int, column: int) -> bytes:
    """Return the program for an architecture, with OWN for the process's own id.

    The same for all that a zygote forks.
    """
    lines: list[Instruction] = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        # Also the calls of x32, which have their bit 30 set.
        (ABOVE, 0, 1, syscalls.NEWEST),
        _error(errno.ENOSYS),
    ]
    for name, failure in _refused(rights).items():
        lines += _when(syscalls.ALL[name][column], [_error(failure)])
    for name, arguments in _requested(rights, *struct.unpack("=I", OWN)).items():
        lines += _when(syscalls.ALL[name][column], _body(arguments))
    lines.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _refused(rights: Rights) -> dict[str, int]:
    """Return the calls that are never made, with the error that they answer."""
    groups: list[tuple[Iterable[str], int]] = [
        (syscalls.TO_OTHERS, errno.EACCES),
        (syscalls.AROUND_FILES, errno.EPERM),
        (syscalls.OF_THE_KERNEL, errno.EPERM),
        (syscalls.OWNERS_AND_MODES, INVENTED if rights.runs_programs else errno.EPERM),
        # Their arguments lie in memory; who calls them falls back to older ones.
        (("openat2", "clone3"), errno.ENOSYS),
    ]
    if not rights.runs_programs:
        groups.append((syscalls.PROGRAMS, errno.EACCES))
    if not _may_signal(rights):
        groups.append((syscalls.SIGNALS, errno.EPERM))
    return {name: failure for names, failure in groups for name in names}


def _requested(rights: Rights, pid: int) -> Mapping[str, tuple[Argument, ...]]:
    threads = Argument(0, (CLONE_THREAD,), CLONE_THREAD | CLONE_NEW)
    processes = Argument(0, (0,), CLONE_NEW)
    own = () if _may_signal(rights) else (Argument(0, (pid,)),)
    kinds = Argument(1, (SOCK_STREAM, SOCK_SEQPACKET), SOCKET_KIND)
    return {
        # Neither can be told another address, which a pair of datagrams could.
        "socketpair": (Argument(0, (AF_UNIX,)), kinds),
        "kill": own,
        "tgkill": own,
        "rt_sigqueueinfo": own,
        "rt_tgsigqueueinfo": own,
        "prlimit64": (Argument(0, (0, pid)),),
        "setpriority": (Argument(0, (0,)), Argument(1, (0,))),
        "ioprio_set": (Argument(0, (1,)), Argument(1, (0,))),
        "fcntl": (Argument(1, HARMLESS_FCNTLS),),
        "ioctl": (Argument(1, HARMLESS_IOCTLS),),
        "open": (Argument(1, FREE_TO_OPEN, os.O_ACCMODE | os.O_TRUNC),),
        "openat": (Argument(2, FREE_TO_OPEN, os.O_ACCMODE | os.O_TRUNC),),
        "clone": (processes if rights.runs_programs else threads,),
    }


def _may_signal(rights: Rights) -> bool:
    """Whether signals are left to Landlock: a program signals what it has begun."""
    return rights.runs_programs and rights.scoped


def _body(arguments: Iterable[Argument]) -> list[Instruction]:
    """Return what allows the call if all arguments are as they must be."""
    lines: list[Instruction] = []
    for each in arguments:
        lines += [
            (LOAD, 0, 0, ARGUMENTS + 8 * each.position),
            (AND, 0, 0, each.mask),
            *(
                (EQUAL, past_the_error, 0, value)
                for past_the_error, value in zip(
                    range(len(each.values), 0, -1), each.values, strict=True
                )
            ),
            _error(errno.EPERM),
        ]
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _when(number: int | None, body: list[Instruction]) -> list[Instruction]:
    """Return the body for one call, which leaves the program at its end."""
    return [] if number is None else [(EQUAL, 0, len(body), number), *body]


def _error(number: int) -> Instruction:
    return (RETURN, 0, 0, ERRNO | number)
