"""Becomes what a model process is, tries what it must not, and prints what came of it.

Run with a JSON object: `user` (0 to stay), `room` for a model that is code, `folder`,
`is_walled`, and either `tries`, the name of a set, or `files` of ONNX, which are
asked in the folder `begins_in`.
"""

import ctypes
import errno
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from deployments.serving.formats import base, onnx
from mlops.sandbox import isolation, rlimits

X86_64 = os.uname().machine == "x86_64"


def call(number, *arguments):
    """Make a system call; raise OSError if it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.syscall(number, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def peek(pid):
    """Read a byte of another process's memory."""
    byte = ctypes.create_string_buffer(1)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(byte), 1)
    return call(310 if X86_64 else 270, pid, here, 1, here, 1, 0)


def attach(pid):
    return call(101 if X86_64 else 117, 16, pid, 0, 0)


def io_uring():
    return call(425, 1, ctypes.create_string_buffer(120))


def foreign_socket():
    """Open a socket by the calls of another architecture (x32)."""
    return call((1 << 30) | 41, socket.AF_INET, socket.SOCK_DGRAM, 0)


def send_by_pair(path):
    """Use one of two connected datagram sockets to reach a third."""
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", path)


def speak(family, kind, address):
    with socket.socket(family, kind) as sender:
        sender.settimeout(5)
        if kind == socket.SOCK_DGRAM:
            sender.sendto(b"x", address)
        else:
            sender.connect(address)


def begin_thread():
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()


def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"


def answer(content):
    """Return what the model answers, as text."""
    try:
        model = onnx.read(content, base.LoadOptions())
        ((_, values),) = model.predict({"x": np.zeros(1, np.float32)}, ("y",))
    except Exception as error:  # noqa: BLE001 - whatever onnxruntime makes of EACCES
        return f"{type(error).__name__}: {error}"
    return bytes(values).decode("latin-1")


def sockets(port, listening, **_):
    return {
        "tcp": lambda: speak(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        "udp": lambda: speak(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
        "tcp6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
        "udp6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3),
        "kernel crypto": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
        "hypervisor": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
        "unix": lambda: speak(socket.AF_UNIX, socket.SOCK_STREAM, listening),
        "unix datagram": lambda: speak(socket.AF_UNIX, socket.SOCK_DGRAM, listening),
        "pair": lambda: send_by_pair(listening),
        "io_uring": io_uring,
    }


def others(parent, **_):
    return {
        "environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "memory": lambda: Path(f"/proc/{parent}/mem").open("rb"),
        "command": lambda: Path(f"/proc/{parent}/cmdline").read_bytes(),
        "maps": lambda: Path(f"/proc/{parent}/maps").read_bytes(),
        "files": lambda: list(Path(f"/proc/{parent}/fd").iterdir()),
        "the first": lambda: Path("/proc/1/cmdline").read_bytes(),
        "all": lambda: list(Path("/proc").iterdir()),
        "peek": lambda: peek(parent),
        "attach": lambda: attach(parent),
        "signal": lambda: os.kill(parent, 0),
        "its group": lambda: os.killpg(os.getpgid(parent), 0),
        "its limits": lambda: resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1)),
    }


def files(secret, data_dir, **_):
    return {
        "people": lambda: Path("/etc/passwd").read_bytes(),
        "hosts": lambda: Path("/etc/hosts").read_bytes(),
        "names": lambda: list(Path("/etc").iterdir()),
        "secret": lambda: Path(secret).read_bytes(),
        "folder": lambda: list(Path(Path(secret).parent).iterdir()),
        "cut": lambda: os.truncate(secret, 0),
        "cut on opening": lambda: os.open(secret, os.O_RDONLY | os.O_TRUNC),
        "written": lambda: Path(secret).open("ab"),
        "replaced": lambda: Path(secret).rename(secret + "x"),
        "removed": lambda: Path(secret).unlink(),
        "new": lambda: Path(secret + "y").open("wb"),
        "temporary": lambda: Path(secret).parents[2].joinpath("y").open("wb"),
        "shared memory": lambda: Path("/dev/shm/y").open("wb"),  # noqa: S108
        "watched": lambda: call(294 if X86_64 else 26, 0),
        "root": lambda: list(Path("/").iterdir()),
        "home": lambda: list(Path("/root").iterdir()),
        "data folder": lambda: list(Path(data_dir).iterdir()),
    }


def modes(own, **_):
    return {
        "mode": lambda: Path(own).chmod(0o777),
        "mode of what is open": lambda: os.fchmod(os.open(own, os.O_RDONLY), 0o777),
        "owner": lambda: os.chown(own, os.getuid(), os.getgid()),
        "times": lambda: os.utime(own, (1, 1)),
        "attribute": lambda: os.setxattr(own, "user.mark", b"x"),
    }


def fine(**_):
    return {
        "thread": begin_thread,
        "pair": socket.socketpair,
        "itself": lambda: Path("/proc/self/status").read_bytes(),
        "processors": lambda: Path("/proc/cpuinfo").read_bytes(),
        "nothing": lambda: Path("/dev/null").open("r+b"),
        "chance": lambda: Path("/dev/urandom").open("rb").read(8),
        "own signal": lambda: os.kill(os.getpid(), 0),
        "own limits": lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
        "time zones": lambda: list(Path("/usr/lib").iterdir()),
    }


def of_code(room, **_):
    return {
        "file": lambda: Path(room, "file").write_bytes(b"x"),
        "folder": lambda: Path(room, "a", "b").mkdir(parents=True),
        "moved": lambda: Path(room, "file").rename(Path(room, "a", "b", "file")),
        "program": lambda: subprocess.run(["/bin/true"], check=True),
        "copied": lambda: shutil.copy("/bin/true", room),
    }


def programs(**_):
    return {
        "program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
        "process": os.fork,
    }


def foreign(**_):
    return {"x32": foreign_socket}


TRIES = {
    each.__name__: each
    for each in (sockets, others, files, modes, fine, of_code, programs, foreign)
}


def main():
    told = json.load(sys.stdin)
    if told["user"]:
        os.setresgid(*[told["user"]] * 3)
        os.setresuid(*[told["user"]] * 3)
    if told["is_walled"]:
        room = told.get("room")
        isolation.enter(
            isolation.SandboxRules(Path(told["folder"]), room and Path(room))
        )
        rlimits.confine(rlimits.SandboxLimits(1 << 30))
    os.chdir(told.get("begins_in", "/"))
    contents = [bytes.fromhex(each) for each in told.get("files", ())]
    tries = TRIES[told["tries"]](**told) if "tries" in told else {}
    found = {name: outcome(attempt) for name, attempt in tries.items()}
    json.dump(
        {"tries": found, "answers": [answer(each) for each in contents]}, sys.stdout
    )


if __name__ == "__main__":
    main()
