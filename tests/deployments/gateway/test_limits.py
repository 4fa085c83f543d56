"""Keys with limits, callers who keep their version, limits of one deployment."""

import hashlib
import json
import signal
import time
from collections import Counter

import pytest

from deployments.serving.gateway.routes import RoutedSlot, TrafficShare
from deployments.serving.gateway.shared import Seats
from deployments.serving.gateway.usage import (
    DAY_S,
    KeyLimit,
    Usage,
    UsedDay,
    used,
    used_days,
)
from tests.deployments.gateway.process import (
    DIGEST,
    FakeServer,
    GatewayProcess,
    publish,
    reply,
    route,
)
from tests.deployments.gateway.test_shared import Held, ask_together
from tests.deployments.targets.waiting import until

NOON = 20_000 * DAY_S + DAY_S // 2


class Asking:
    def __init__(self, name: str, *, header: bytes = b"x-session-id") -> None:
        self.digests = (hashlib.sha256(name.encode()).hexdigest(),)
        self.headers = ((header, name.encode()),)


def two_versions(percent: int, sticky_by: str) -> RoutedSlot:
    old = TrafficShare("old", "1", 100 - percent, is_shadow=False)
    new = TrafficShare("new", "2", percent, is_shadow=False, sticky_by=sticky_by)
    shares = [each for each in (old, new) if each.weight]
    return RoutedSlot("staging", "m", shares)


@pytest.mark.parametrize("sticky_by", ["key", "x-session-id:"])
def test_a_caller_keeps_the_new_version_as_its_share_grows(sticky_by):
    callers = [Asking(f"caller {number}") for number in range(500)]
    have_new: set[int] = set()

    for percent in (5, 20, 50, 80, 100):
        slot = two_versions(percent, sticky_by)
        now_new = {
            number
            for number, each in enumerate(callers)
            if slot.choose(None, each).version == "2"
        }
        assert have_new <= now_new
        assert abs(len(now_new) - 5 * percent) < 60
        have_new = now_new


def test_who_does_not_say_the_header_is_shared_out_by_chance():
    slot = two_versions(50, "x-session-id:")
    caller = Asking("one", header=b"x-other")

    versions = Counter(slot.choose(None, caller).version for _ in range(200))

    assert versions.keys() == {"1", "2"}


def test_another_canary_begins_with_other_callers():
    first = TrafficShare("first", "2", 10, is_shadow=False, sticky_by="key")
    second = TrafficShare("second", "3", 10, is_shadow=False, sticky_by="key")
    callers = [Asking(f"caller {number}") for number in range(500)]

    chosen = [
        {number for number, each in enumerate(callers) if share.point_of(each) < 10}
        for share in (first, second)
    ]

    assert not chosen[0] <= chosen[1]


def test_sticky_callers_keep_their_version_through_the_gateway(
    gateway, slot, servers, data_dir
):
    here = slot()
    new = servers(lambda *it: reply(it[1], b'{"new": 1}'))
    publish(data_dir, "new", new, version="2")
    entries = [
        {"deployment_id": here.id, "weight": 50},
        {"deployment_id": "new", "version": "2", "weight": 50, "sticky_by": "x-user:"},
    ]
    route(data_dir, here.model, *entries)

    seen = {}
    for _ in range(5):
        for user in range(20):
            headers = {"X-User": str(user)}
            body = gateway.post(here.infer, {}, headers=headers)[1]
            assert seen.setdefault(user, body) == body

    assert len({json.dumps(body) for body in seen.values()}) == 2


@pytest.fixture
def limited(gateway, slot, data_dir):
    """Return a maker of slots whose key has limits."""

    def make(**limits):
        here = slot()
        full = {"expires_at": None, "rate_per_minute": None, "daily_quota": None}
        entry = {"deployment_id": here.id}
        route(data_dir, here.model, entry, key_limits={DIGEST: full | limits})
        return here

    return make


def test_a_key_over_its_quota_is_429_and_its_usage_is_right(gateway, data_dir, slot):
    here, key = slot(), f"key of {time.time()}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    limit = {"expires_at": None, "rate_per_minute": None, "daily_quota": 5}
    entry = {"deployment_id": here.id}
    route(data_dir, here.model, entry, keys=[digest], key_limits={digest: limit})

    found = [gateway.post(here.infer, {}, key=key) for _ in range(8)]
    metadata = gateway.get(f"{here.base}/v2", key=key)

    assert [status for status, _, _ in found] == [200] * 5 + [429] * 3
    assert metadata[0] == 200
    assert 0 < int(found[-1][2]["Retry-After"]) <= DAY_S
    usage = used(data_dir / "run" / "gateways", [digest])[digest]
    assert (usage.requests_today, usage.refused_today) == (5, 3)
    assert usage.last_used_at is not None
    assert len(here.servers[0].requests) == 6


def test_a_key_over_its_rate_is_429_for_less_than_two_minutes(gateway, data_dir, slot):
    here, key = slot(), f"rate of {time.time()}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    limit = {"expires_at": None, "rate_per_minute": 3, "daily_quota": None}
    entry = {"deployment_id": here.id}
    route(data_dir, here.model, entry, keys=[digest], key_limits={digest: limit})

    found = [gateway.post(here.infer, {}, key=key) for _ in range(4)]

    assert [status for status, _, _ in found] == [200] * 3 + [429]
    assert 0 < int(found[-1][2]["Retry-After"]) <= 120


def test_a_key_of_one_deployment_opens_its_own_address_alone(gateway, data_dir, slot):
    here, other = slot(), slot()
    own, key = f"/serving/_d/{here.id}", f"trial of {time.time()}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    limit = {"expires_at": time.time() + 600, "deployment_id": here.id}
    for each in (here, other):
        entry = {"deployment_id": each.id}
        route(data_dir, each.model, entry, keys=[digest], key_limits={digest: limit})

    found = {
        path: gateway.post(path, {}, key=key)[0]
        for path in (own, here.infer, here.base, f"/serving/_d/{other.id}", other.infer)
    }

    assert found.pop(own) == 200
    assert set(found.values()) == {401}
    assert used(data_dir / "run" / "gateways", [digest])[digest].requests_today == 1


def test_an_expired_key_of_one_deployment_is_401(gateway, data_dir, slot):
    here = slot()
    limit = {"expires_at": time.time() - 1, "deployment_id": here.id}
    route(data_dir, here.model, {"deployment_id": here.id}, key_limits={DIGEST: limit})

    assert gateway.post(f"/serving/_d/{here.id}", {})[0] == 401


def test_an_expired_key_is_401(gateway, limited):
    assert gateway.post(limited(expires_at=time.time() + 600).infer, {})[0] == 200
    assert gateway.post(limited(expires_at=time.time() - 1).infer, {})[0] == 401


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that a test sets."""

    class Clock:
        now = float(NOON)

    monkeypatch.setattr(
        "deployments.serving.gateway.usage.time.time", lambda: Clock.now
    )
    return Clock


@pytest.fixture
def usage(tmp_path):
    return Usage(tmp_path, Seats(tmp_path))


def call(usage, limit, count=1) -> list[int]:
    """Ask for calls; return how long each has to wait, 0 for those let in."""
    waits = []
    for _ in range(count):
        waits.append(usage.wait_s("key", limit))
        if not waits[-1]:
            usage.count("key")
    return waits


def test_no_two_minutes_worth_pass_around_a_boundary(usage, clock):
    limit = KeyLimit(rate_per_minute=60)
    clock.now = NOON + 59

    assert call(usage, limit, 61)[-1] > 0
    clock.now = NOON + 61
    assert sum(not wait for wait in call(usage, limit, 60)) <= 2


def test_after_the_time_that_is_said_a_call_is_let_in(usage, clock):
    limit = KeyLimit(rate_per_minute=7)
    for _ in range(200):
        (wait_s,) = call(usage, limit)
        clock.now += wait_s
        if wait_s:
            assert call(usage, limit) == [0]
        clock.now += 0.7


def test_a_quota_begins_anew_with_the_day_of_utc(usage, clock):
    limit = KeyLimit(daily_quota=2)

    assert call(usage, limit, 3) == [0, 0, DAY_S // 2]
    clock.now = NOON + DAY_S // 2

    assert call(usage, limit, 3) == [0, 0, DAY_S]


def test_the_day_before_is_known_until_another_one_is_over(usage, tmp_path, clock):
    today = NOON // DAY_S
    call(usage, KeyLimit(), 3)
    usage.refuse("key")
    clock.now += DAY_S
    call(usage, KeyLimit(), 2)

    assert used_days(tmp_path, ["key", "other"]) == {
        "key": [UsedDay(today, 3, 1), UsedDay(today + 1, 2, 0)]
    }
    clock.now += 2 * DAY_S
    call(usage, KeyLimit())
    assert used_days(tmp_path, ["key"]) == {"key": [UsedDay(today + 3, 1, 0)]}


def test_usage_is_kept_when_the_gateway_is_started_anew(usage, tmp_path, clock):
    call(usage, KeyLimit(), 4)

    again = Usage(tmp_path, Seats(tmp_path))

    assert used(tmp_path, ["key"])["key"].requests_today == 4
    assert again.wait_s("key", KeyLimit(daily_quota=4)) > 0
    assert used(tmp_path, ["other"])["other"].requests_today == 0


@pytest.fixture
def started(short_dir):
    """Start gateways of one folder, with a slot whose key has a quota of 5."""
    server, made = FakeServer(short_dir), []
    publish(short_dir, "d", server)
    limit = {"expires_at": None, "rate_per_minute": None, "daily_quota": 5}
    route(short_dir, "m", {"deployment_id": "d"}, key_limits={DIGEST: limit})

    def start() -> GatewayProcess:
        made.append(GatewayProcess(short_dir))
        return made[-1]

    yield start
    for one in made:
        one.close()
    server.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_next_gateway_goes_on_with_what_was_used(started, short_dir, end):
    def statuses(gateway, count):
        path = "/serving/staging/m/v2/models/m/infer"
        return [gateway.post(path, {})[0] for _ in range(count)]

    def usage():
        found = used(short_dir / "run" / "gateways", [DIGEST])[DIGEST]
        return found.requests_today, found.refused_today

    first = started()
    before = statuses(first, 3)
    first.process.send_signal(end)
    first.process.wait()
    between = usage()
    after = statuses(started(), 4)

    assert (before, after) == ([200] * 3, [200, 200, 429, 429])
    assert (between, usage()) == ((3, 0), (5, 2))


def test_a_deployment_has_its_own_largest_body_and_concurrency(gateway, slot, data_dir):
    held = Held()
    here = slot(held)
    limits = {"timeout_s": None, "max_concurrency": 1, "max_body_bytes": 100}
    route(data_dir, here.model, {"deployment_id": here.id, "limits": limits})

    assert gateway.post(here.infer, b"x" * 101)[0] == 413
    assert (
        gateway.post(f"/serving/_d/{here.id}/v2/models/m/infer", b"x" * 101)[0] == 413
    )
    asking, statuses = ask_together(gateway, here.infer, 3)
    until(lambda: statuses[503] == 2)
    held.go.set()
    for each in asking:
        each.join()
    assert statuses == {503: 2, 200: 1}


def test_a_deployment_has_its_own_time_limit(gateway, slot, data_dir):
    held = Held()
    here = slot(held)
    limits = {"timeout_s": 1, "max_concurrency": None, "max_body_bytes": None}
    route(data_dir, here.model, {"deployment_id": here.id, "limits": limits})

    status, body, _ = gateway.post(here.infer, {})
    held.go.set()

    assert status == 504
    assert body["error"] == "The model did not answer within 1 s."


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "10.0.0.9"}, {"Via": "1.1 proxy"}]
)
def test_metrics_are_for_readers_and_the_machine_itself(
    gateway, data_dir, keys, headers
):
    reader = hashlib.sha256(b"reader").hexdigest()
    assert gateway.get("/metrics", key=None)[0] == 200
    assert gateway.get("/metrics", key=None, headers=headers)[0] == 401
    assert gateway.get("/metrics", key="reader", headers=headers)[0] == 401

    keys(readers=[reader])

    assert gateway.get("/metrics", key="reader", headers=headers)[0] == 200
    assert gateway.get("/metrics", key="other", headers=headers)[0] == 401
