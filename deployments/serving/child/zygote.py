"""A warm process that forks model processes: started clean, imports done, no threads.

It is started with an environment of its own (no database, no secret), takes one
JSON message per process from a socket, with the process's open files attached, and
answers `{"started": id, "pid", "start_time"}` and `{"ended": id, "status"}`. When
the supervisor at the other end goes away it ends; the processes it forked go on.
"""

import array
import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import httptools  # noqa: F401 - warm for the processes to come
import numpy as np  # noqa: F401
import onnxruntime  # noqa: F401
import orjson
import uvloop  # noqa: F401

from deployments.serving.child import forked, locales, process_log
from deployments.serving.formats import onnx  # noqa: F401
from deployments.serving.oip import convenience  # noqa: F401
from deployments.serving.processes import NEVER_BEGAN, start_time, write_atomically
from mlops.sandbox import isolation

MAX_MESSAGE, MAX_FILES = 1 << 16, 16
CRASHED = 1


class Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pid = os.getpid()
        self._running: dict[int, str] = {}  # "" for one that must not begin
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Fork on request and report exits, until the supervisor disconnects."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._wake in ready:
                    os.read(self._wake, 512)
                    self._reap()
                if self._control.fileno() in ready and not self._take():
                    return

    def _take(self) -> bool:
        """Fork the process of the next message; False at the end."""
        text, ancillary, _, _ = self._control.recvmsg(
            MAX_MESSAGE, socket.CMSG_LEN(MAX_FILES * 4)
        )
        if not text:
            return False
        files = array.array("i")
        for _, _, payload in ancillary:
            files.frombytes(payload)
        message = orjson.loads(text)
        try:
            self._fork(message, dict(zip(message["files"], files, strict=True)))
        except OSError as error:  # no room for its record, or for one more process
            failed = {"ended": message["id"], "status": NEVER_BEGAN}
            self._report({**failed, "reason": error.strerror or str(error)})
        for descriptor in files:
            os.close(descriptor)
        return True

    def _fork(self, message: dict[str, Any], files: dict[str, int]) -> None:
        """Fork, record the process, and only then let it begin.

        A process whose record was not written reads the end of the pipe and ends,
        so nothing runs that a later supervisor could not find. Raises OSError then.
        """
        go, start = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(start)
            self._become(message, files, go)
        os.close(go)
        self._running[pid] = ""
        born = start_time(pid)
        record = {**message["record"], "pid": pid, "start_time": born}
        try:
            write_atomically(Path(message["record_path"]), record)
            self._running[pid] = message["id"]
            os.write(start, b"g")
        finally:
            os.close(start)
        self._report({"started": message["id"], "pid": pid, "start_time": born})

    def _become(
        self, message: dict[str, Any], files: dict[str, int], go: int
    ) -> NoReturn:
        """Be the new process: nothing of the zygote stays open."""
        status = CRASHED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            for descriptor in (self._control.fileno(), self._wake, self._woken):
                os.close(descriptor)
            os.setsid()
            os.dup2(files["log"], 1)
            os.dup2(files["log"], 2)
            if os.read(go, 1):
                process_log.log_to_stderr()
                job = {**message["job"], "parent": self._pid}
                status = forked.RUNS[message["run"]](job, files)
        except BaseException:
            logging.getLogger(__name__).exception("ended")
            raise
        finally:
            with contextlib.suppress(OSError):  # such as a full disk
                sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        while self._running:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            # What the process began goes with it; its number is not free before.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            pid, status = os.waitpid(ended.si_pid, 0)
            if name := self._running.pop(pid):
                self._report({"ended": name, "status": status})

    def _report(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(orjson.dumps(message))
        except (BrokenPipeError, ConnectionError):
            return


def main() -> None:
    isolation.prepare()
    locales.prepare()
    gc.collect()
    gc.freeze()
    Zygote(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
