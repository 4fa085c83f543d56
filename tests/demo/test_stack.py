"""Programs that run together: started, watched, restarted and stopped in order."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops.demo.stack import Program, Stack, StackFailed
from tests.deployments.targets.waiting import until
from tests.ports import free_port

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        if self.path == "/end":
            import os; os._exit(3)
    def log_message(self, *args): pass
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(name, port):
    url = f"http://127.0.0.1:{port}/"
    return Program(name, [sys.executable, "-c", SERVER, str(port)], url)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def stack_of(lines):
    made = []

    def make(*programs):
        stack = Stack(programs, lambda *line: lines.append(line), os.environ)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.stop()


def test_start_returns_when_everything_answers(stack_of, lines):
    one, two = server("one", free_port()), server("two", free_port())

    stack_of(one, two).start()

    assert one.process.poll() is None
    assert two.process.poll() is None
    until(lambda: {("one", "serving"), ("two", "serving")} <= set(lines))


def test_program_that_is_killed_comes_back(stack_of, lines):
    one = server("one", free_port())
    stack = stack_of(one)
    stack.start()
    first = one.process
    watcher = threading.Thread(target=stack.watch)
    watcher.start()

    first.kill()

    until(lambda: one.process is not first)
    assert ("one", "ended with exit code -9; starting it again") in lines
    stack.stop()
    watcher.join(60)
    assert not watcher.is_alive()


def test_workers_of_a_killed_program_go_with_it(stack_of, lines):
    """They would hold its port, and answer with what it was before."""
    # One write each: parts of two processes' lines would come mixed.
    tell = "import os, signal\nos.write(1, b'%d\\n' % os.fork())\nsignal.pause()"
    parent = Program("parent", [sys.executable, "-c", tell])
    stack = stack_of(parent)
    stack.start()
    until(lambda: len(lines) == 2)
    worker = max(int(line) for _, line in lines)
    watcher = threading.Thread(target=stack.watch)
    watcher.start()

    parent.process.kill()

    until(lambda: _is_gone(worker))
    stack.stop()
    watcher.join(60)
    assert not watcher.is_alive()


OWNER = """
import os, signal, sys
from mlops.demo.stack import Program, Stack
os.register_at_fork(after_in_child=os.abort)
tell = "import os, signal\\nos.write(1, b'%d\\\\n' % os.getpid())\\nsignal.pause()"
say = lambda name, line: print(line, flush=True)
Stack([Program("one", [sys.executable, "-c", tell])], say, os.environ).start()
signal.pause()
"""


def test_programs_end_with_an_owner_that_is_killed():
    """And are started by no fork that Python code runs in, which can crash there."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True
    ) as owner:
        program = int(owner.stdout.readline())
        assert not _is_gone(program)

        owner.kill()

        until(lambda: _is_gone(program))


def _is_gone(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_program_that_keeps_ending_breaks_the_stack(stack_of):
    broken = Program(
        "broken", [sys.executable, "-c", "raise SystemExit(4)"], "http://x.invalid/"
    )

    with pytest.raises(StackFailed, match=r"broken keeps ending \(exit code 4\)"):
        stack_of(broken).start()


def test_stop_ends_the_last_started_first(stack_of, lines):
    tell = "import signal, sys\n{}\nprint('up', flush=True)\nsignal.pause()"
    on_term = "signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit()))"
    names = ("first", "second")
    programs = [
        Program(name, [sys.executable, "-c", tell.format(on_term)]) for name in names
    ]
    stack = stack_of(*programs)
    stack.start()
    until(lambda: len(lines) == 2)

    stack.stop()

    until(lambda: len(lines) == 4)
    assert lines[2:] == [("second", "bye"), ("first", "bye")]
