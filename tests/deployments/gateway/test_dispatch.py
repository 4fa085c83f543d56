"""What the gateway does when model servers die, hang or talk nonsense."""

import threading
import time

import pytest

from tests.deployments.gateway.door import Door, answers, publish, reply
from tests.deployments.targets.waiting import until


def hangs(server, connection, request) -> bool:
    time.sleep(3)
    return False


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
def test_a_late_answer_is_504_and_an_error_of_the_model(door, slot, behave):
    here = slot(behave)

    start = time.monotonic()
    status, body, _ = door.post(here.infer, {})

    assert (status, body.keys()) == (504, {"error"})
    assert time.monotonic() - start < 2
    until(lambda: door.counted().get(here.id, {}).get("error_count") == 1)


@pytest.mark.parametrize("behave", [half, nonsense, too_much])
def test_a_bad_answer_is_502(door, slot, behave):
    status, body, _ = door.post(slot(behave).infer, {})

    assert (status, body.keys()) == (502, {"error"})


def test_a_hang_in_one_model_leaves_its_neighbour_alone(door, slot):
    stuck, fine = slot(hangs), slot()
    waiting = [
        threading.Thread(target=door.post, args=(stuck.infer, {})) for _ in range(4)
    ]
    for each in waiting:
        each.start()
    until(lambda: len(stuck.servers[0].requests) == 4)

    start = time.monotonic()
    assert door.post(fine.infer, {})[0] == 200
    assert time.monotonic() - start < 0.5
    for each in waiting:
        each.join()


def test_more_than_the_limit_under_way_is_503_with_retry_after(door, slot):
    here = slot(hangs)
    waiting = [
        threading.Thread(target=door.post, args=(here.infer, {})) for _ in range(4)
    ]
    for each in waiting:
        each.start()
    until(lambda: len(here.servers[0].requests) == 4)

    status, body, headers = door.post(here.infer, {})

    assert (status, body, headers["Retry-After"]) == (
        503,
        {"error": "The model is busy."},
        "1",
    )
    for each in waiting:
        each.join()
    until(lambda: door.counted().get(here.id, {}).get("request_count") == 5)
    counted = door.counted()[here.id]
    assert (counted["rejected_count"], counted["error_count"]) == (1, 4)


def test_a_closed_connection_is_tried_again_unnoticed(door, slot):
    here = slot(hangs_up_once)

    assert [door.post(here.infer, {})[0] for _ in range(3)] == [200, 200, 200]
    assert len(here.servers[0].requests) == 4


def test_the_least_busy_instance_is_asked(door, slot):
    here = slot(hangs, answers)
    blocked = threading.Thread(target=door.post, args=(here.infer, {}))
    blocked.start()
    until(lambda: here.servers[0].requests or here.servers[1].requests)
    while not here.servers[0].requests:
        door.post(here.infer, {})

    assert [door.post(here.infer, {})[0] for _ in range(5)] == [200] * 5
    blocked.join()


def test_a_dead_instance_is_passed_over(door, slot):
    here = slot(answers, answers)
    here.servers[0].close()

    assert [door.post(here.infer, {})[0] for _ in range(5)] == [200] * 5


def test_a_request_waits_for_an_instance_that_is_coming(door, slot, servers, data_dir):
    here = slot()
    here.servers[0].close()
    next_one = threading.Timer(0.3, lambda: publish(data_dir, here.id, servers()))
    next_one.start()

    assert door.post(here.infer, {})[0] == 200
    next_one.join()


def test_with_nothing_coming_it_is_503_within_a_second(door, slot):
    here = slot()
    here.servers[0].close()

    start = time.monotonic()
    status, _, headers = door.post(here.infer, {})

    assert (status, headers["Retry-After"]) == (503, "1")
    assert time.monotonic() - start < 1.5
    until(lambda: door.counted().get(here.id, {}).get("rejected_count") == 1)


def test_a_request_that_ends_two_servers_is_not_sent_to_a_third(door, slot):
    here = slot(dies, dies, answers)

    first = door.post(here.infer, {"poison": 1})
    second = door.post(here.infer, {"poison": 1})

    assert (first[0], second[0]) == (502, 422)
    assert door.post(here.infer, {"other": 1})[0] == 200


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


def test_a_death_while_others_ask_bans_only_the_killer(door, revived):
    good: list[int] = []

    def ask() -> None:
        good.extend(door.post(revived.infer, {"good": 1})[0] for _ in range(20))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for each in asking:
        each.start()
    poisoned = [door.post(revived.infer, {"poison": 1})[0] for _ in range(3)]
    for each in asking:
        each.join()

    assert poisoned == [502, 422, 422]
    assert good == [200] * 40


def test_sigterm_ends_what_is_under_way_and_flushes(data_dir, slot):
    def slow(server, connection, request) -> bool:
        time.sleep(0.5)
        return reply(connection)

    here = slot(slow)
    door, answered = Door(data_dir), []
    asking = threading.Thread(
        target=lambda: answered.append(door.post(here.infer, {})[0])
    )
    asking.start()
    until(lambda: here.servers[0].requests)

    door.close()

    asking.join()
    assert answered == [200]
    assert door.counted()[here.id]["request_count"] == 1
