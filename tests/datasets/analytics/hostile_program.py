"""Stands in for the program that answers SQL, and tries what the walls forbid.

As `begin` would run the real one: behind the same walls, with the same limits. The
result is a JSON object of what was tried, with the error that each attempt met.
"""

import importlib.util
import json
import os
import resource
import socket
import sys
import types
from pathlib import Path

import datasets


def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return error.__class__.__name__
    except MemoryError:
        return "MemoryError"
    return "done"


def answer(order, tables):
    folder = order["sql"]
    found = {
        "read": tried(lambda: open(f"{folder}/secret.csv").read()),  # noqa: PTH123, SIM115
        "passwd": tried(lambda: open("/etc/passwd").read()),  # noqa: PTH123, SIM115
        "environment": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),  # noqa: PTH123, SIM115
        "list": tried(lambda: os.listdir("/")),  # noqa: PTH208
        "write": tried(lambda: open(f"{folder}/target", "w")),  # noqa: PTH123, SIM115
        "temporary": tried(lambda: open("/tmp/target", "w")),  # noqa: PTH123, SIM115, S108
        "table": tried(lambda: open(tables["data"], "r+b")),  # noqa: PTH123, SIM115
        "delete": tried(lambda: os.unlink(f"{folder}/secret.csv")),  # noqa: PTH108
        "network": tried(socket.socket),
        "fork": tried(os.fork),
        "program": tried(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606
        "memory": tried(lambda: bytearray(4 << 30)),
        "own table": tried(lambda: open(tables["data"], "rb").read(4)),  # noqa: PTH123, SIM115
        "file size": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "user": os.getuid(),
        "variables": sorted(name for name in os.environ if "MLOPS" in name),
    }
    body = json.dumps(found).encode()
    sys.stdout.buffer.write(body)
    outcome = {"columns": [], "order": "none", "row_count": 1, "has_more": False}
    return {"outcome": {**outcome, "losses": {}}}


def loaded():
    """Return `begin` without its package, whose libraries begin threads."""
    place = Path(next(iter(datasets.__path__)), "analytics", "console", "bootstrap.py")
    spec = importlib.util.spec_from_file_location("bootstrap", place)
    begin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(begin)
    return begin


if __name__ == "__main__":
    begin = loaded()
    program = types.ModuleType("hostile")
    program.answer = answer
    sys.modules["hostile"] = program
    begin.PROGRAM = "hostile"
    begin.main()
    os._exit(0)
