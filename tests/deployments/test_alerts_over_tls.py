"""Alert hooks over HTTPS: who answers has to prove the name that was called."""

import datetime as dt
import ipaddress
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployments.alerts import deliver_due
from deployments.models import AlertDelivery, AlertHook
from deployments.states import DeliveryState
from tests.deployments.test_alerts import Receiver, drifted

pytestmark = pytest.mark.django_db
HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("chat.example")


def self_signed(folder, name):
    """Write a key and its certificate for a name; return the file of both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def secure_receiver(tmp_path, settings):
    """Return a function that starts an HTTPS server with a certificate for a name."""
    started = []

    def start(name):
        receiver = Receiver()
        started.append(receiver)
        file = self_signed(tmp_path, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server = receiver.server
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        settings.ALERT_HOSTS = ["127.0.0.1"]
        url = receiver.url.replace("http:", "https:")
        AlertHook.objects.create(name="chat", url=url)
        drifted()
        return receiver, file

    yield start
    for receiver in started:
        receiver.stop()


def test_event_arrives_where_the_certificate_is_trusted(secure_receiver, monkeypatch):
    receiver, file = secure_receiver(HERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    deliver_due()

    [(path, headers, body)] = receiver.requests
    assert path == "/hook?channel=drift"
    assert headers["X-MLOps-Signature"].startswith("t=")
    assert json.loads(body)["type"] == "drift_event"
    assert AlertDelivery.objects.get().state == DeliveryState.DELIVERED


def test_nothing_is_said_to_a_server_that_nobody_vouches_for(secure_receiver):
    receiver, _ = secure_receiver(HERE)

    deliver_due()

    delivery = AlertDelivery.objects.get()
    assert receiver.requests == []
    assert delivery.state == DeliveryState.WAITING
    assert "certificate is not trusted: self-signed certificate" in delivery.error


def test_nothing_is_said_to_a_server_of_another_name(secure_receiver, monkeypatch):
    receiver, file = secure_receiver(ELSEWHERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    deliver_due()

    assert receiver.requests == []
    assert "certificate is not trusted: IP address mismatch" in (
        AlertDelivery.objects.get().error
    )
