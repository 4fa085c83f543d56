"""What holds for all gateway processes of a machine, whoever of them is killed."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest

from deployments.serving.gateway.loads import Loads
from deployments.serving.gateway.quarantine import Quarantine
from deployments.serving.gateway.request import Wire
from deployments.serving.gateway.sampler import MAX_PENDING_BYTES, Sampler
from deployments.serving.gateway.shared import Seats, SharedTable, key_of
from tests.deployments.gateway.process import GatewayProcess, reply, route
from tests.deployments.gateway.test_supervisor import workers
from tests.deployments.targets.waiting import until

SIT = """
import sys
from pathlib import Path
from deployments.serving.gateway.loads import Loads
from deployments.serving.gateway.shared import Seats
folder = Path(sys.argv[1])
load = Loads(folder, Seats(folder)).of("/a")
for _ in range(3):
    load.enter()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def gateway(data_dir):
    made = GatewayProcess(data_dir, "--workers", "2", "--max-outstanding", "4")
    yield made
    made.close()


@pytest.fixture
def seats(tmp_path):
    return Seats(tmp_path)


@pytest.fixture
def other(tmp_path):
    """Return another process that has three requests at the instance `/a`."""
    with subprocess.Popen(
        [sys.executable, "-c", SIT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_a_load_is_that_of_all_processes(tmp_path, seats, other):
    load = Loads(tmp_path, seats).of("/a")

    load.enter()

    assert load.total() == 4
    load.leave()
    assert load.total() == 3


def test_a_killed_process_gives_its_share_back(tmp_path, seats, other):
    loads = Loads(tmp_path, seats)
    load = loads.of("/a")
    loads.give_back()
    assert load.total() == 3

    other.kill()
    other.wait()
    loads.give_back()

    assert load.total() == 0


def test_who_takes_the_seat_of_a_killed_process_begins_with_nothing(tmp_path, other):
    other.kill()
    other.wait()

    assert Loads(tmp_path, Seats(tmp_path)).of("/a").total() == 0


def test_rows_are_used_again_when_nobody_knows_the_instance(
    tmp_path, seats, monkeypatch
):
    monkeypatch.setattr("deployments.serving.gateway.loads.ROWS", 2)
    loads = Loads(tmp_path, seats)
    first, second = loads.of("/1"), loads.of("/2")
    first.enter()
    first.release()
    second.release()

    third = loads.of("/3")
    third.enter()

    assert (first.total(), third.total()) == (1, 1)
    fourth = loads.of("/4")  # no room: it is counted alone
    fourth.enter()
    assert (third.total(), fourth.total()) == (1, 1)


def test_a_key_has_one_row_in_every_table_of_the_folder(tmp_path, seats):
    one = SharedTable.in_folder(tmp_path, "t", seats, rows=8, cells=3)
    two = SharedTable.in_folder(tmp_path, "t", seats, rows=8, cells=3)

    rows = [one.row(key_of(name)) for name in "abc"]

    assert rows == [0, 1, 2]
    assert [two.row(key_of(name)) for name in "cba"] == [2, 1, 0]
    assert two.find(key_of("d")) is None
    one.numbers[one.own(1)] = 7
    assert list(two.columns(1)) == [[7, 0, 0]]


def poison(request_id: bytes = b"1", body: bytes = b"poison") -> Wire:
    return Wire(b"POST /infer HTTP/1.1", request_id, body)


def test_what_one_process_quarantines_all_do(tmp_path, seats):
    table = SharedTable.in_folder(tmp_path, "t", seats, rows=8, cells=1)
    one, two = (Quarantine(tmp_path / "q", table) for _ in range(2))

    one.note_death("d", poison(b"1"), "/a")
    assert two.is_watching
    two.note_death("d", poison(b"2"), "/b")

    assert one.holds("d", poison(b"3"))
    assert not one.holds("d", poison(body=b"other"))


def test_an_answer_clears_the_suspicion_of_another_process(tmp_path, seats):
    table = SharedTable.in_folder(tmp_path, "t", seats, rows=8, cells=1)
    one, two = (Quarantine(tmp_path / "q", table) for _ in range(2))
    one.note_death("d", poison(b"1"), "/a")
    assert two.is_watching

    two.note_answer("d", poison())

    assert not one.is_watching


def test_samples_of_all_processes_have_one_bound(tmp_path):
    pending = memoryview(bytearray(16)).cast("q")
    one, two = (Sampler(tmp_path, "machine", pending, seat) for seat in range(2))
    body = b"x" * (60 << 10)

    for _ in range(20):
        one.offer("d", 1.0, body)
        two.offer("d", 1.0, body)

    assert MAX_PENDING_BYTES - len(body) < sum(pending) <= MAX_PENDING_BYTES
    one.close()
    two.close()
    assert sum(pending) == 0
    assert len(list(tmp_path.iterdir())) == 1


class Held:
    """A server that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, server, connection, request) -> bool:
        return self.go.wait(120) and reply(connection)


def ask_together(
    gateway, path: str, count: int
) -> tuple[list[threading.Thread], Counter]:
    statuses: Counter[int | str] = Counter()

    def ask() -> None:
        try:
            statuses[gateway.post(path, {})[0]] += 1
        except OSError as error:
            statuses[type(error).__name__] += 1

    asking = [threading.Thread(target=ask) for _ in range(count)]
    for each in asking:
        each.start()
    return asking, statuses


def test_an_instance_has_no_more_requests_than_it_may_from_all_workers(gateway, slot):
    held = Held()
    here = slot(held)

    asking, statuses = ask_together(gateway, here.infer, 12)
    until(lambda: statuses[503] == 8)
    held.go.set()
    for each in asking:
        each.join()

    assert statuses == {503: 8, 200: 4}
    assert len(here.servers[0].requests) == 4


def test_the_share_of_a_killed_worker_is_given_back(gateway, slot):
    held = Held()
    here = slot(held)
    asking, statuses = ask_together(gateway, here.infer, 4)
    until(lambda: len(here.servers[0].requests) == 4)
    assert gateway.post(here.infer, {})[0] == 503

    for pid in workers(gateway):
        os.kill(pid, signal.SIGKILL)
    for each in asking:
        each.join()
    held.go.set()

    assert (
        statuses.total()
        == statuses["RemoteDisconnected"] + statuses["ConnectionResetError"]
    )
    until(lambda: accepts(gateway) and gateway.post(here.infer, {})[0] == 200)


def accepts(gateway) -> bool:
    try:
        return gateway.get("/healthz")[0] == 200
    except OSError:
        return False


def counts(gateway, deployment_id: str) -> list[str]:
    page = gateway.get("/metrics")[1]
    lines = [line for line in page.splitlines() if deployment_id in line]
    return [line for line in lines if "requests_total" in line]


def test_every_worker_answers_the_sum_also_after_a_kill(gateway, slot):
    here = slot()
    for _ in range(40):
        assert gateway.post(here.infer, {})[0] == 200

    before = {tuple(counts(gateway, here.id)) for _ in range(20)}
    os.kill(min(workers(gateway)), signal.SIGKILL)
    until(lambda: len(workers(gateway)) == 2)
    until(lambda: accepts(gateway))
    after = {tuple(counts(gateway, here.id)) for _ in range(20)}

    assert len(before) == 1
    ((line,),) = before
    assert line.endswith(" 40")
    assert after == before


def test_labels_stay_when_a_deployment_ends(gateway, slot, data_dir):
    here = slot(version="7")
    assert gateway.post(here.infer, {})[0] == 200
    before = counts(gateway, here.id)

    route(data_dir, here.model)
    until(lambda: gateway.post(here.infer, {})[0] != 200)

    (line,) = counts(gateway, here.id)
    assert line.rpartition(" ")[0] == before[0].rpartition(" ")[0]
    for label in (f'model="{here.model}"', 'environment="staging"', 'version="7"'):
        assert label in before[0]
