"""Asks what is missing of the walls where a container forbids calls, as some do.

Run with the numbers of the calls that answer ENOSYS.
"""

import ctypes
import errno
import os
import struct
import sys

from mlops.sandbox import isolation, seccomp


def forbid(numbers):
    """Filter the calls as a container's own profile would."""
    lines = [(seccomp.LOAD, 0, 0, seccomp.NUMBER)]
    for number in numbers:
        failure = seccomp.ERRNO | errno.ENOSYS
        lines += [(seccomp.EQUAL, 0, 1, number), (seccomp.RETURN, 0, 0, failure)]
    lines.append((seccomp.RETURN, 0, 0, seccomp.ALLOW))
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = seccomp._Program(len(lines), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(isolation.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    number = seccomp.SECCOMP[os.uname().machine]
    assert libc.syscall(number, 1, 0, ctypes.byref(program)) == 0


def main():
    forbid([int(each) for each in sys.argv[1:]])
    print("\n".join(isolation.missing()))  # noqa: T201


if __name__ == "__main__":
    main()
