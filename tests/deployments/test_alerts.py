"""Alert hooks: signed, told once, tried again, and never sent to private places."""

import hashlib
import hmac
import http.server
import json
import socket
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from datasets.models import BindingTarget, Feature
from deployments.alerts import deliver_due
from deployments.models import AlertDelivery, AlertHook
from deployments.models.alert import BACK_OFF
from deployments.states import DeliveryState
from lifecycle.models import DriftEvent
from mlops.webhooks import address
from mlops.webhooks.address import RefusedAddress, checked
from tests.deployments.factories import VersionFactory

pytestmark = pytest.mark.django_db
PRIVATE = [
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://169.254.169.254/latest/meta-data",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://localhost/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.0.192/",
    "http://192.0.0.9/",
    "http://198.18.0.1/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fec0::1]/",
    "http://[::127.0.0.1]/",
    "http://[5f00::1]/",
    "http://[3fff::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:1::1]/",
    "http://[fd00:ec2::254]/",
    "http://[100::1]/",
    "http://168.63.129.16/machine",
]
MEANINGLESS = [
    "ftp://93.184.216.34/",
    "file:///etc/passwd",
    "gopher://93.184.216.34/",
    "http://a@93.184.216.34/",
    "http://a:b@93.184.216.34/",
    "http://a@127.0.0.1/",
    "http:///path",
    "http://[::1",
    "http://93.184.216.34:99999/",
    "http://localhost.:8500/",
    "http://no-such-host.invalid/",
    "http://" + "a" * 70 + ".example/",
    "",
]


class Receiver:
    """A real web server that keeps what it was sent and answers as it is told."""

    def __init__(self):
        self.requests, self.status, self.headers = [], 200, {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the base class's name

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook?channel=drift"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def hook(receiver, settings):
    settings.ALERT_HOSTS = ["127.0.0.1"]
    return AlertHook.objects.create(name="chat", url=receiver.url)


def drifted(severity="high"):
    return DriftEvent.note(
        VersionFactory(),
        by=None,
        severity=severity,
        metric_name="psi.close",
        metric_value=0.7,
        threshold=0.25,
        message="close has moved",
    )


@pytest.mark.parametrize("url", PRIVATE)
def test_private_address_in_any_spelling_is_refused(url):
    with pytest.raises(RefusedAddress, match="private address"):
        checked(url)


@pytest.mark.parametrize("url", MEANINGLESS)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(RefusedAddress):
        checked(url)


def test_public_address_is_what_it_says():
    place = checked("https://93.184.216.34:8443/hook?a=1#part")

    assert (place.address, place.port, place.is_secure) == ("93.184.216.34", 8443, True)
    assert (place.target, place.host_header) == ("/hook?a=1", "93.184.216.34:8443")


@pytest.mark.parametrize("host", ["[2606:4700::1111]", "192.31.196.1", "8.8.8.8"])
def test_other_public_addresses_are_called(host):
    assert checked(f"http://{host}/").address == host.strip("[]")


def test_a_hook_with_letters_of_any_script_is_sent(receiver, settings, monkeypatch):
    def found(host, port, *_, **__):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    looked_up = []
    settings.ALERT_HOSTS = ["채팅.example"]
    monkeypatch.setattr(address.socket, "getaddrinfo", found)
    port = receiver.server.server_port
    AlertHook.objects.create(name="훅", url=f"http://채팅.example:{port}/훅 a%20b?q=값")
    drifted()

    deliver_due()

    ((path, headers, _),) = receiver.requests
    assert path == "/%ED%9B%85%20a%20b?q=%EA%B0%92"
    assert looked_up[0] == "xn--ou6bo7j.example"
    assert headers["Host"] == f"xn--ou6bo7j.example:{port}"


def test_a_hook_that_breaks_in_a_way_nobody_foresaw_holds_up_no_other(
    receiver, hook, monkeypatch
):
    AlertHook.objects.create(name="another", url=receiver.url.replace("hook", "broken"))
    drifted()
    real = address.urlsplit

    def splitting(url):
        if "broken" in url:
            raise RuntimeError("a bug")
        return real(url)

    monkeypatch.setattr(address, "urlsplit", splitting)

    deliver_due()

    assert len(receiver.requests) == 1
    failed = AlertDelivery.objects.get(hook__name="another")
    assert failed.error == "It could not be sent: RuntimeError."


def test_host_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    def found(host, port, **_):
        kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*kind, ("93.184.216.34", port)), (*kind, ("10.0.0.7", port))]

    monkeypatch.setattr(address.socket, "getaddrinfo", found)

    with pytest.raises(RefusedAddress, match="private address"):
        checked("http://two-faced.example/")


def test_name_is_looked_up_once_and_the_connection_goes_where_it_was_checked(
    receiver, hook, settings, monkeypatch
):
    """A name that answers differently the second time leads nowhere else."""
    looked_up = []

    def found(host, port, *_, **__):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    settings.ALERT_HOSTS = ["rebinding.example"]
    port = receiver.server.server_port
    AlertHook.objects.update(url=f"http://rebinding.example:{port}/")
    monkeypatch.setattr(address.socket, "getaddrinfo", found)
    drifted()

    # socket.create_connection looks numeric addresses up too, which asks nobody.
    deliver_due()

    assert looked_up[0] == "rebinding.example"
    assert set(looked_up[1:]) <= {"127.0.0.1"}
    assert receiver.requests[0][1]["Host"] == f"rebinding.example:{port}"


def test_event_arrives_signed_and_is_recorded(receiver, hook):
    event = drifted()

    assert deliver_due() == 1

    path, headers, body = receiver.requests[0]
    assert path == "/hook?channel=drift"
    moment, _, given = headers["X-MLOps-Signature"].partition(",v1=")
    signed = moment.removeprefix("t=").encode() + b"." + body
    made = hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(made, given)
    message = json.loads(body)
    assert message["type"] == "drift_event"
    assert message["event"]["id"] == str(event.pk)
    assert message["event"]["metric_name"] == "psi.close"
    delivery = AlertDelivery.objects.get()
    assert headers["X-MLOps-Delivery"] == message["id"] == str(delivery.pk)
    assert (delivery.state, delivery.status_code, delivery.attempts) == (
        DeliveryState.DELIVERED,
        200,
        1,
    )


def test_event_is_told_once(receiver, hook):
    drifted()

    deliver_due()
    deliver_due()

    assert len(receiver.requests) == 1


def test_quiet_events_old_events_and_disabled_hooks_are_left_alone(receiver, hook):
    drifted("low")
    old = drifted()
    DriftEvent.objects.filter(pk=old.pk).update(
        detected_at=timezone.now() - timedelta(days=2)
    )
    AlertHook.objects.create(name="off", url=receiver.url, is_enabled=False)

    assert deliver_due() == 0


def test_every_hook_hears_of_an_event(receiver, hook):
    AlertHook.objects.create(name="second", url=receiver.url)
    drifted()

    assert deliver_due() == 2
    assert hook.secret != AlertHook.objects.get(name="second").secret


def test_failure_is_tried_again_later_and_later_and_then_given_up(receiver, hook):
    receiver.status = 503
    drifted()
    now = timezone.now()

    waits: list[tuple[timedelta, timedelta]] = []
    while (delivery := AlertDelivery.objects.first()) is None or (
        delivery.state == DeliveryState.WAITING
    ):
        now = now if delivery is None else delivery.next_at
        began = timezone.now()
        assert deliver_due(now) == 1
        next_at = AlertDelivery.objects.get().next_at
        waits.append((next_at - timezone.now(), next_at - began))

    assert delivery.state == DeliveryState.GIVEN_UP
    assert (delivery.attempts, delivery.status_code) == (len(BACK_OFF) + 1, 503)
    assert delivery.error == "It answered 503."
    for wait, (least, most) in zip(BACK_OFF, waits[:-1], strict=True):
        assert least <= wait <= most


def test_message_that_was_given_up_can_be_sent_again(receiver, hook, person):
    receiver.status = 500
    drifted()
    deliver_due()
    AlertDelivery.objects.update(state=DeliveryState.GIVEN_UP)
    receiver.status = 204

    AlertDelivery.objects.get().send_again(by=person("admin"))
    deliver_due()

    assert AlertDelivery.objects.get().state == DeliveryState.DELIVERED


def test_redirect_is_not_followed(receiver, hook):
    receiver.status = 302
    receiver.headers = {"Location": receiver.url.replace("/hook", "/inside")}
    drifted()

    deliver_due()

    assert [path for path, _, _ in receiver.requests] == ["/hook?channel=drift"]
    assert AlertDelivery.objects.get().error == "It answered 302."


def test_private_address_is_refused_when_it_is_sent_too(receiver, hook, settings):
    settings.ALERT_HOSTS = []
    drifted()

    deliver_due()

    assert receiver.requests == []
    assert "private address" in AlertDelivery.objects.get().error


def test_receiver_that_is_down_is_a_failure(receiver, hook):
    receiver.stop()
    drifted()

    deliver_due()

    error = AlertDelivery.objects.get().error
    assert error == "It could not be reached: ConnectionRefusedError."


def test_of_two_senders_one_sends(receiver, hook):
    drifted()
    now = timezone.now()
    AlertDelivery.objects.queue(hook, hook.unsent_events(now), now)
    first, second = AlertDelivery.objects.get(), AlertDelivery.objects.get()

    assert first.claim(now)
    assert not second.claim(now)


def test_hook_hears_what_a_new_version_did_to_columns_and_features(
    receiver, hook, make_dataset, add_version
):
    dataset = make_dataset("shop", "price,size\n1,1\n2,2\n")
    feature = Feature.create_from(
        "price_x",
        by=None,
        feature_type="raw",
        data_type="float",
        description="The price of a thing",
        binding=BindingTarget("shop", "price"),
    )
    add_version(dataset, "size\n1\n")

    deliver_due()
    deliver_due()

    messages = [json.loads(body) for _path, _headers, body in receiver.requests]
    assert [one["type"] for one in messages] == ["dataset_event"] * 2
    events = {one["event"]["kind"]: one["event"] for one in messages}
    assert set(events) == {"columns_removed", "feature_broken"}
    assert events["columns_removed"]["columns"] == [
        {"name": "price", "before": "BIGINT", "after": None}
    ]
    assert events["feature_broken"]["feature_name"] == feature.feature_name
    assert events["feature_broken"]["version"] == 2


def test_hook_of_grave_events_hears_nothing_of_a_type_that_changed(
    receiver, hook, make_dataset, add_version
):
    AlertHook.objects.update(least_severity="high")
    dataset = make_dataset("shop", "price\n1\n2\n")
    add_version(dataset, "price\n1.5\n")

    deliver_due()

    assert receiver.requests == []
    AlertHook.objects.update(least_severity="medium")
    deliver_due()
    assert len(receiver.requests) == 1
