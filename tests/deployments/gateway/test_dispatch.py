"""What the gateway does when model servers die, hang or talk nonsense."""

import threading
import time

import pytest

from tests.deployments.gateway.process import GatewayProcess, answers, publish, reply
from tests.deployments.targets.waiting import until


def hangs(server, connection, request) -> bool:
    connection.recv(1)  # until the gateway hangs up
    return False


class Held:
    """A server that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, server, connection, request) -> bool:
        return self.go.wait(60) and reply(connection)


@pytest.fixture
def held():
    made = Held()
    yield made
    made.go.set()


@pytest.fixture
def asking(gateway, held):
    """Return a starter of requests in threads; it returns the statuses to come."""
    started: list[threading.Thread] = []

    def start(path, count=1) -> list[int]:
        answered: list[int] = []

        def ask() -> None:
            answered.append(gateway.post(path, {})[0])

        threads = [threading.Thread(target=ask) for _ in range(count)]
        for each in threads:
            each.start()
        started.extend(threads)
        return answered

    yield start
    held.go.set()
    for each in started:
        each.join()


def dies(server, connection, request) -> bool:
    server.close()
    return False


def hangs_up_once(server, connection, request) -> bool:
    return len(server.requests) != 2 and reply(connection)


def half(server, connection, request) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    return False


def nonsense(server, connection, request) -> bool:
    connection.sendall(b"hello\r\n\r\n")
    return False


def drips(server, connection, request) -> bool:
    for byte in b"HTTP/1.1 200 OK\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(0.2)
    return False


def too_much(server, connection, request) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
    for _ in range(99):
        connection.sendall(bytes(1 << 20))
    return False


@pytest.mark.parametrize("behave", [hangs, drips])
def test_a_late_answer_is_504_and_an_error_of_the_model(hasty_gateway, slot, behave):
    here = slot(behave)

    status, body, _ = hasty_gateway.post(here.infer, {})

    assert (status, body.keys()) == (504, {"error"})
    until(lambda: hasty_gateway.counted().get(here.id, {}).get("error_count") == 1)


@pytest.mark.parametrize("behave", [half, nonsense, too_much])
def test_a_bad_answer_is_502(gateway, slot, behave):
    status, body, _ = gateway.post(slot(behave).infer, {})

    assert (status, body.keys()) == (502, {"error"})


def test_a_hang_in_one_model_leaves_its_neighbour_alone(gateway, slot, held, asking):
    stuck, fine = slot(held), slot()
    answered = asking(stuck.infer, 4)
    until(lambda: len(stuck.servers[0].requests) == 4)

    assert gateway.post(fine.infer, {})[0] == 200
    assert answered == []


def test_more_than_the_limit_under_way_is_503_with_retry_after(
    gateway, slot, held, asking
):
    here = slot(held)
    answered = asking(here.infer, 4)
    until(lambda: len(here.servers[0].requests) == 4)

    status, body, headers = gateway.post(here.infer, {})

    assert (status, body, headers["Retry-After"]) == (
        503,
        {"error": "The model is busy."},
        "1",
    )
    held.go.set()
    until(lambda: answered == [200] * 4)
    until(lambda: gateway.counted().get(here.id, {}).get("request_count") == 5)
    counted = gateway.counted()[here.id]
    assert (counted["rejected_count"], counted["error_count"]) == (1, 0)


def test_a_closed_connection_is_tried_again_unnoticed(gateway, slot):
    here = slot(hangs_up_once)

    assert [gateway.post(here.infer, {})[0] for _ in range(3)] == [200, 200, 200]
    assert len(here.servers[0].requests) == 4


def test_the_least_busy_instance_is_asked(gateway, slot, held, asking):
    here = slot(held, answers)
    while not here.servers[0].requests:
        answered = asking(here.infer)
        until(lambda answered=answered: answered or here.servers[0].requests)

    assert [gateway.post(here.infer, {})[0] for _ in range(5)] == [200] * 5
    assert len(here.servers[0].requests) == 1


def test_a_dead_instance_is_passed_over(gateway, slot):
    here = slot(answers, answers)
    here.servers[0].close()

    assert [gateway.post(here.infer, {})[0] for _ in range(5)] == [200] * 5


def test_a_request_waits_for_an_instance_that_is_coming(
    gateway, slot, servers, data_dir
):
    here = slot()
    here.servers[0].close()
    next_one = threading.Timer(0.3, lambda: publish(data_dir, here.id, servers()))
    next_one.start()

    assert gateway.post(here.infer, {})[0] == 200
    next_one.join()


def test_with_nothing_coming_it_is_503(hasty_gateway, slot):
    here = slot()
    here.servers[0].close()

    status, _, headers = hasty_gateway.post(here.infer, {})

    assert (status, headers["Retry-After"]) == (503, "1")
    until(
        lambda: hasty_gateway.counted().get(here.id, {}).get("unavailable_count") == 1
    )
    counted = hasty_gateway.counted()[here.id]
    assert (counted["rejected_count"], counted["error_count"]) == (0, 0)
    assert (counted["request_count"], counted["sum_ms"]) == (1, 0)


def test_a_request_that_ends_two_servers_is_not_sent_to_a_third(gateway, slot):
    here = slot(dies, dies, answers)

    first = gateway.post(here.infer, {"poison": 1})
    second = gateway.post(here.infer, {"poison": 1})

    assert (first[0], second[0]) == (502, 422)
    until(lambda: gateway.counted().get(here.id, {}).get("error_count") == 2)
    assert gateway.counted()[here.id]["client_error_count"] == 0
    assert gateway.post(here.infer, {"other": 1})[0] == 200


def ends_on_poison(server, connection, request) -> bool:
    if b"poison" in request:
        return dies(server, connection, request)
    time.sleep(0.05)
    return reply(connection)


@pytest.fixture
def revived(slot, servers, data_dir):
    """Return a slot whose server is replaced as soon as it is dead."""
    here, stop = slot(ends_on_poison), threading.Event()

    def revive() -> None:
        while not stop.wait(0.02):
            if here.servers[-1].is_closed:
                here.servers.append(servers(ends_on_poison))
                publish(data_dir, here.id, here.servers[-1])

    reviver = threading.Thread(target=revive)
    reviver.start()
    yield here
    stop.set()
    reviver.join()


def test_a_death_while_others_ask_bans_only_the_killer(gateway, revived):
    good: list[int] = []

    def ask() -> None:
        good.extend(gateway.post(revived.infer, {"good": 1})[0] for _ in range(20))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for each in asking:
        each.start()
    poisoned = [gateway.post(revived.infer, {"poison": 1})[0] for _ in range(3)]
    for each in asking:
        each.join()

    assert poisoned == [502, 422, 422]
    assert good == [200] * 40


def test_sigterm_ends_what_is_under_way_and_flushes(data_dir, slot, held):
    here = slot(held)
    gateway, answered = GatewayProcess(data_dir), []
    asking = threading.Thread(
        target=lambda: answered.append(gateway.post(here.infer, {})[0])
    )
    asking.start()
    until(lambda: here.servers[0].requests)

    gateway.process.terminate()
    until(lambda: not gateway.listens())
    held.go.set()

    asking.join()
    gateway.close()
    assert answered == [200]
    assert gateway.counted()[here.id]["request_count"] == 1
